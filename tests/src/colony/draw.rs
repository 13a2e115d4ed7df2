//! Trees as text and as pictures.

use std::fmt::Write as _;

use super::Shape;

/// The trees as text, a member a line, deeper ones further right; at most so many lines.
pub fn text(shape: &Shape, lines_max: usize) -> String {
    let mut out = String::new();
    let mut lines = 0;
    for root in &shape.roots {
        let mut stack = vec![(*root, String::new(), String::new())];
        while let Some((n, first, rest)) = stack.pop() {
            lines += 1;
            if lines > lines_max {
                let _ = writeln!(out, "… {} members in all", shape.members);
                return out;
            }
            let _ = writeln!(out, "{first}{n}");
            let children = &shape.children[&n];
            for (at, child) in children.iter().enumerate().rev() {
                let is_last = at + 1 == children.len();
                let (branch, below) = if is_last {
                    ("└ ", "  ")
                } else {
                    ("├ ", "│ ")
                };
                stack.push((*child, format!("{rest}{branch}"), format!("{rest}{below}")));
            }
        }
    }
    out
}

/// The trees as a picture: each member a dot, the root in the middle or, with several roots, side
/// by side; `lost` are those whose place is shown empty.
pub fn svg(shape: &Shape, title: &str) -> String {
    const SIZE: f64 = 1_000.0;
    let rings = shape.depth.max(1) as f64;
    let mut places = std::collections::HashMap::new();
    let weight: usize = shape.roots.len().max(1);
    let mut stack: Vec<(usize, f64, f64, usize)> = Vec::new();
    for (at, root) in shape.roots.iter().enumerate() {
        let share = std::f64::consts::TAU / weight as f64;
        let base = usize::from(weight > 1);
        stack.push((*root, share * at as f64, share, base));
    }
    let mut lines = String::new();
    let mut dots = String::new();
    let radius = (SIZE / 2.2 / (rings + 1.0) / 3.0).clamp(1.2, 8.0);
    while let Some((n, from, share, ring)) = stack.pop() {
        let angle = from + share / 2.0;
        let far = SIZE / 2.2 * ring as f64 / (rings + 1.0);
        let (x, y) = (
            SIZE / 2.0 + far * angle.cos(),
            SIZE / 2.0 + far * angle.sin(),
        );
        places.insert(n, (x, y));
        if let Some((px, py)) = shape.parents.get(&n).and_then(|parent| places.get(parent)) {
            let _ = write!(lines, "M{px:.1} {py:.1}L{x:.1} {y:.1}");
        }
        let hue = 360.0 * shape.depths[&n] as f64 / (rings + 1.0);
        let _ = write!(
            dots,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="hsl({hue:.0} 70% 45%)"/>"#
        );
        let children = &shape.children[&n];
        let part = share / children.len().max(1) as f64;
        for (at, child) in children.iter().enumerate() {
            if shape.parents.get(child) == Some(&n) {
                stack.push((*child, from + part * at as f64, part, ring + 1));
            }
        }
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}"><title>{title}</title><rect width="100%" height="100%" fill="white"/><path d="{lines}" stroke="gray" stroke-width="0.7" fill="none"/>{dots}<text x="12" y="24" font-family="sans-serif" font-size="18">{title}</text></svg>
"#
    )
}

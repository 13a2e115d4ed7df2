//! Of a list of operations that fails, a short one that fails in the same way: parts are dropped,
//! ever smaller ones, as long as what is left still fails (delta debugging after Zeller).

/// The places of a sublist of `count` operations for which `fails` is still true, found with at most
/// `most` questions. No single one of them can be dropped, unless the questions ran out.
pub fn shrink(count: usize, most: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let (mut asked, mut size) = (0, count.div_ceil(2).max(1));
    loop {
        let mut dropped = false;
        let mut at = 0;
        while at < left.len() {
            if asked == most {
                return left;
            }
            let end = (at + size).min(left.len());
            let without: Vec<usize> = [&left[..at], &left[end..]].concat();
            asked += 1;
            if fails(&without) {
                (left, dropped) = (without, true);
            } else {
                at = end;
            }
        }
        if size == 1 && !dropped {
            return left;
        }
        if size > 1 {
            size = size.div_ceil(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn shrink_finds_the_few_that_are_needed_among_many() {
        let needed = [17, 18, 940];
        let mut asked = 0;
        let left = shrink(1_000, 1_000, |kept| {
            asked += 1;
            needed.iter().all(|it| kept.contains(it))
        });
        assert_eq!(left, needed);
        assert!(asked < 100, "{asked} questions");
    }

    #[test]
    fn shrink_drops_all_if_it_fails_anyhow_and_nothing_if_all_are_needed() {
        assert_eq!(shrink(100, 1_000, |_| true), [0; 0]);
        let all: Vec<_> = (0..100).collect();
        assert_eq!(shrink(100, 10_000, |kept| kept.len() == 100), all);
    }

    #[test]
    fn shrink_keeps_to_its_bound() {
        let mut asked = 0;
        let left = shrink(1_000, 7, |kept| {
            asked += 1;
            kept.contains(&999)
        });
        assert!(asked <= 7 && left.contains(&999));
    }

    #[test]
    fn shrink_finds_either_of_two_reasons() {
        let left = shrink(64, 1_000, |kept| kept.contains(&3) || kept.contains(&60));
        assert_eq!(left.len(), 1);
    }
}

//! Whole members of a tree, joined in memory: what honest ones do, and what one that lies can do
//! to them.

mod captives;
mod carry;
mod forge;
mod half;
mod liars_casts;
mod liars_children;
mod liars_images;
mod liars_places;
mod liars_twins;
mod life;
mod settings;
mod watch;
mod world;

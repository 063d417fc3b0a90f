//! The relay's core: who is here, who leads, what is passed on, and the decision log.

pub mod interface;

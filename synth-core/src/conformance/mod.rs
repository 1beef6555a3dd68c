//! The executable contract of every trait.

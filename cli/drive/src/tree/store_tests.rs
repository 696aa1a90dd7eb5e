//! The store of trees as it is cleaned.

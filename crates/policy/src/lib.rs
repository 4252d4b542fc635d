//! Who may do what: principals, actions, and the proof that a decision was made.

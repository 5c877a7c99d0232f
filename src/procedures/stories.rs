//! Every ending of a claim, told on paper.

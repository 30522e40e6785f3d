"""Knowledge mutation: plant one small fault after another in every active rule and see whether a vignette notices."""

//! The one file that names ureq: blocking HTTP out, with deadlines, limits and the egress check.

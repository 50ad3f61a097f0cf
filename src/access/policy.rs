//! The policy: may this tool run for this request.

//! The PCAPs door: Cloudflare v4 captures and bucket ownership.

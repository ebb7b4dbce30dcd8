"""Who is calling, and may they: pure rules, codecs and types."""

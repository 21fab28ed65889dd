"""Find, remove, freeze and analyse the parameters of a language model that support its languages."""

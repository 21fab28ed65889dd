"""Find, remove, freeze and explain the parameters of a language model that carry its command of languages."""

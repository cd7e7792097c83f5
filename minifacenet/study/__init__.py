"""The paper's studies (Tables 4 to 6, Fig. 1): what a network bears, and what its training needs.

`console` and `commands` import this package. One module per way of spoiling photos or vectors; it
trains and judges with the rooms below, and must not know how its tables are printed.
"""

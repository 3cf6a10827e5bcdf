"""The re-ID methods, one file each, and the recipes that train them."""

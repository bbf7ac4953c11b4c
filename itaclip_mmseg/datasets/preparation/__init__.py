"""Label maps made from what data sets publish."""

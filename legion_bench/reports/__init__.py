"""Reports: run folders in; tables, figures and one HTML page out."""

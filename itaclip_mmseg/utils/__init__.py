"""What every floor above uses: errors, files, progress, colours."""

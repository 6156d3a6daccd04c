"""One data set, several forms: letters so far (HTML, PDF, DOCX)."""

"""DICOM files: headers and pixels."""

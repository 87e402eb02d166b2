"""Results and frameworks in the forms that other tools read and write: OSCAL and XCCDF."""

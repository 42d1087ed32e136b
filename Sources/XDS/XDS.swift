// The room XDS.

package bbqr

// Limits on what is read and written, beside those of package parts.
const (
	MaxParts = 1295    // what two digits of base 36 can say
	MaxData  = 8 << 20 // bytes of an object, and what one may inflate to
)

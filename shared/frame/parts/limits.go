package parts

// Limits on what is collected: at most 42 MiB, whatever is shown.
const (
	MaxSeries = 8    // series of which parts are kept
	MaxTotal  = 1295 // parts of one series: what two digits of BBQr can say
	MaxPart   = 4296 // bytes of one part: characters of a QR code of version 40
	maxState  = 48 << 20
)

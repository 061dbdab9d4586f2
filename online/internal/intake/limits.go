package intake

const (
	maxWallets  = 2_000   // signature ids of one submission: what one request can name
	maxRows     = 5_000   // withdrawal responses of one submission
	maxRowsText = 4 << 20 // bytes of them as JSON
	maxEvidence = 1 << 20 // bytes
	maxKeys     = 5_000   // candidate keys of one submission
)

package bundle

import (
	"time"

	"coldsign/shared/fault"
)

// What the online half alone asks.

// Fresh refuses a bundle whose time is over: code bundle.expired.
func (h Header) Fresh(now time.Time) error {
	if h.Expires != 0 && now.Unix() > h.Expires {
		return fault.New("bundle.expired", "export it again, and check the clock of both machines",
			"this bundle expired on %s", time.Unix(h.Expires, 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// Receipt reads item i.
func (b *Bundle) Receipt(i int) (Receipt, error) { return at[Receipt](b, i, Receipts) }

// Wallet reads item i.
func (b *Bundle) Wallet(i int) (Wallet, error) { return at[Wallet](b, i, Keys) }

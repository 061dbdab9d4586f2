// Package fund is the other side of a payment, for the demo and the end-to-end
// tests: it gives wallets coins on test networks, builds unsigned transactions
// as an operator's own software would, and asks nodes what became of them.
//
// It uses the field's own libraries (btcd, go-ethereum, solana-go) and none of
// Coldsign's code, so that a mistake of ours cannot hide on both sides.
package fund

import (
	"context"
	"fmt"
	"time"
)

// Wait asks until ask says yes, at most every 50 ms, and gives up with ctx.
func Wait(ctx context.Context, what string, ask func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

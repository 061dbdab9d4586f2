package api_test

import (
	"context"
	"errors"
	"math/big"

	"coldsign/online/internal/api"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

func bigInt(n int64) *big.Int { return big.NewInt(n) }

// broken is a store that knows its callers and nothing else.
type broken struct {
	api.Store
	panics bool
}

func (b *broken) fail() error {
	if b.panics {
		panic("secret")
	}
	return errors.New("secret path /var/lib/coldsign: disk I/O error")
}

func (b *broken) Get(context.Context, string, bundle.ID) (pending.Transaction, error) {
	return pending.Transaction{}, b.fail()
}

func (b *broken) Pending(context.Context, string, string, []string) ([]pending.Transaction, error) {
	return nil, b.fail()
}

func (b *broken) List(context.Context, store.Filter) ([]pending.Transaction, error) {
	return nil, b.fail()
}

func (b *broken) Assert(context.Context, string, bundle.ID, string) (pending.Transaction, error) {
	return pending.Transaction{}, b.fail()
}

func (b *broken) Revoke(context.Context, string, bundle.ID, bool) (pending.Transaction, error) {
	return pending.Transaction{}, b.fail()
}

func (b *broken) Ping(context.Context) error { return b.fail() }

type failing struct{}

func (failing) Accept(context.Context, string, intake.Submission) (*pending.Transaction, chain.Review, error) {
	return nil, chain.Review{}, errors.New("secret")
}

func (failing) Review(*pending.Transaction) (chain.Review, error) {
	return chain.Review{}, errors.New("secret")
}

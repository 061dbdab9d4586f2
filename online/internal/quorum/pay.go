package quorum

import (
	"bytes"
	"context"
	"math/big"
	"slices"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// Ask asks every node of the quorum that is an N, and gives the answers there are, in
// the nodes' order; without any, the error that a person should see. A node that lags
// or lies is among them: which answer counts the caller says.
func Ask[N, T any](q *Quorum, what string, f func(N) (T, error)) ([]T, error) {
	answers := make([]T, len(q.members))
	errs := q.each(q.asked(), func(i int, n node.Node) (err error) {
		client, ok := n.(N)
		if !ok {
			return fault.New("node.unable", "", "nodes of this chain cannot be asked for %s", what)
		}
		answers[i], err = f(client)
		return err
	})
	var list []T
	for i, err := range errs {
		if err == nil {
			list = append(list, answers[i])
		}
	}
	if list == nil {
		return nil, q.first(errs)
	}
	return list, nil
}

const maxApart = 10_000 // transactions of one account that a node knows and another does not

// Pending gives the highest of what the nodes say: one that lags knows fewer. So many
// fewer that one of them must be wrong is an error: what follows a nonce that is too
// high waits for ever.
func (q *Quorum) Pending(ctx context.Context, address string) (uint64, error) {
	list, err := Ask(q, "a nonce", func(n node.Payer) (uint64, error) { return n.Pending(ctx, address) })
	if err != nil {
		return 0, err
	}
	if low, high := slices.Min(list), slices.Max(list); high-low > maxApart {
		return 0, fault.New("node.differ", "look at the account in another explorer", "the nodes contradict one another: the next nonce of %s is %d or %d", address, low, high)
	}
	return slices.Max(list), nil
}

// Price gives the one in the middle of what the nodes say, of two the lower: one node
// alone makes nobody pay an absurd fee, and what is too low is replaced.
func (q *Quorum) Price(ctx context.Context, currency string) (p node.Price, err error) {
	list, err := Ask(q, "a price", func(n node.Payer) (node.Price, error) { return n.Price(ctx, currency) })
	if err != nil {
		return p, err
	}
	return node.Price{
		Base: middle(list, func(p node.Price) *big.Int { return p.Base }),
		Tip:  middle(list, func(p node.Price) *big.Int { return p.Tip }),
		Gas:  middle(list, func(p node.Price) *big.Int { return p.Gas }),
	}, nil
}

// middle is that of the amounts that are there, nil when there are none.
func middle(list []node.Price, of func(node.Price) *big.Int) *big.Int {
	var all []*big.Int
	for _, p := range list {
		if n := of(p); n != nil {
			all = append(all, n)
		}
	}
	if all == nil {
		return nil
	}
	slices.SortFunc(all, (*big.Int).Cmp)
	return all[(len(all)-1)/2]
}

// Gas gives the one in the middle of what the nodes say, of two the higher: what runs
// out of gas pays the fee and nothing else.
func (q *Quorum) Gas(ctx context.Context, c node.GasCall) (uint64, error) {
	list, err := Ask(q, "gas", func(n node.Payer) (uint64, error) { return n.Gas(ctx, c) })
	if err != nil {
		return 0, err
	}
	slices.Sort(list)
	return list[len(list)/2], nil
}

// View gives what all nodes that answer agree on.
func (q *Quorum) View(ctx context.Context, contract string, data []byte) ([]byte, error) {
	list, err := Ask(q, "a contract", func(n node.Viewer) ([]byte, error) { return n.View(ctx, contract, data) })
	if err != nil {
		return nil, err
	}
	for _, b := range list[1:] {
		if !bytes.Equal(b, list[0]) {
			return nil, fault.New("node.differ", "compare the contract in another explorer", "the nodes contradict one another about contract %s", contract)
		}
	}
	return list[0], nil
}

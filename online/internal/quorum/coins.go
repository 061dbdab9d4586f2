package quorum

import (
	"context"
	"errors"
	"slices"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// treasurers asks every node of the quorum that is one.
func (q *Quorum) treasurers(f func(i int, n node.Treasurer) error) []error {
	return q.each(q.asked(), func(i int, n node.Node) error {
		t, ok := n.(node.Treasurer)
		if !ok {
			return errors.New("its chain has no outputs")
		}
		return f(i, t)
	})
}

// Unspent gives what the first node lists that has an answer. What is not there, or
// spent, Output finds out.
func (q *Quorum) Unspent(ctx context.Context, addresses []string) ([]node.Coin, error) {
	var errs []error
	for i, gone := range q.asked() {
		t, ok := q.members[i].Node.(node.Treasurer)
		if gone != nil || !ok {
			errs = append(errs, gone)
			continue
		}
		list, err := t.Unspent(ctx, addresses)
		if err == nil {
			return list, nil
		}
		errs = append(errs, q.named(i, err))
	}
	return nil, firstError(errs)
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return fault.New("node.unusable", "", "no node of the network can list outputs")
}

// Output gives the output as the nodes show it; it is spent when one says so, and as
// deep as the least deep shows it.
func (q *Quorum) Output(ctx context.Context, txID string, index uint32) (node.Coin, error) {
	coins := make([]node.Coin, len(q.members))
	errs := q.treasurers(func(i int, n node.Treasurer) (err error) {
		coins[i], err = n.Output(ctx, txID, index)
		return err
	})
	found := -1
	for i, err := range errs {
		switch {
		case fault.Is(err, "node.spent"):
			return node.Coin{}, q.named(i, err)
		case err == nil && (found < 0 || coins[i].Confirmations < coins[found].Confirmations):
			found = i
		}
	}
	if found < 0 {
		return node.Coin{}, q.first(errs)
	}
	return coins[found], nil
}

// Rate gives the one in the middle of what the nodes say, of two the lower, and so the
// least that is relayed: one node alone makes no fee absurd.
func (q *Quorum) Rate(ctx context.Context) (soon, least uint64, err error) {
	said := make([][2]uint64, len(q.members))
	errs := q.treasurers(func(i int, n node.Treasurer) (err error) {
		said[i][0], said[i][1], err = n.Rate(ctx)
		return err
	})
	var rates, floors []uint64
	for i, err := range errs {
		if err == nil {
			floors = append(floors, said[i][1])
			if said[i][0] > 0 {
				rates = append(rates, said[i][0])
			}
		}
	}
	if floors == nil {
		return 0, 0, q.first(errs)
	}
	slices.Sort(floors)
	least = floors[(len(floors)-1)/2]
	if slices.Sort(rates); rates != nil {
		soon = rates[(len(rates)-1)/2]
	}
	return soon, least, nil
}

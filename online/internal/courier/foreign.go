package courier

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

// ForeignAnswer is what another wallet gave back for one request: either the
// signatures, or a PSBT or network transaction that they are taken from.
type ForeignAnswer struct {
	ID         bundle.ID // the zero id finds the row by the PSBT
	Signatures [][]byte  // one for each of Tx.ToSign, in order
	PSBT       []byte
}

// ExportForeign gives the stored request of a row that another wallet signs, once
// the store has it as exported: see store.ExportForeign. A request that cannot be
// read back, or that no codec decodes any more, does not leave.
func ExportForeign(ctx context.Context, s *store.Store, codecs Codecs, id bundle.ID) (bundle.Request, error) {
	list, err := ExportForeignBatch(ctx, s, codecs, []bundle.ID{id}, nil)
	if err != nil {
		return bundle.Request{}, err
	}
	return list[0], nil
}

// ExportForeignBatch is ExportForeign for several rows that leave together: all or
// none. ready, if not nil, sees the requests first and may still say no.
func ExportForeignBatch(ctx context.Context, s *store.Store, codecs Codecs, ids []bundle.ID, ready func([]bundle.Request) error) ([]bundle.Request, error) {
	list := make([]bundle.Request, len(ids))
	for i, id := range ids {
		row, err := s.Get(ctx, store.Any, id)
		if err == nil {
			list[i], err = RequestOf(&row)
		}
		if err == nil {
			_, err = decode(codecs, list[i])
		}
		if err != nil {
			return nil, err
		}
	}
	if ready != nil {
		if err := ready(list); err != nil {
			return nil, err
		}
	}
	_, err := s.ExportForeignBatch(ctx, ids) // what was asked never changes
	return list, err
}

// Outstanding gives the rows that another wallet has and has not answered, of any
// chain, those to be cancelled included.
func Outstanding(ctx context.Context, s *store.Store) ([]pending.Transaction, error) {
	return s.Outstanding(ctx)
}

// RequestOf reads back the request of a row. It must still be what EncodeItem
// makes, and the row's.
func RequestOf(row *pending.Transaction) (bundle.Request, error) {
	var r bundle.Request
	if err := cbor.Unmarshal(row.Request, &r); err == nil {
		again, err := bundle.EncodeItem(r)
		if err == nil && bytes.Equal(again, row.Request) && r.ID == row.ID && r.Network == row.Network && r.Deadline == row.Deadline {
			return r, nil
		}
	}
	return r, fault.New("export.item", "cancel it and submit it again", "the request of transaction %s is not that of its row", row.ID)
}

// ImportForeign takes what other wallets answered. Each answer is matched with a
// row that was exported to one, its signatures are verified and sealed into this
// half's own copy of the request; then states are stored in one transaction. An
// answer that cannot be used is quarantined with a code, the others count. One
// that answers no such row (import.foreign), or a row twice (import.duplicate),
// refuses all. For a row that is sealed already, a valid answer changes nothing
// and says what the row was sealed to: a wallet may sign twice, with other bytes.
func ImportForeign(ctx context.Context, s *store.Store, codecs Codecs, theirs []ForeignAnswer) (Report, error) {
	answers, err := matchForeign(ctx, s, theirs)
	if err != nil {
		return Report{}, err
	}
	sealAll(codecs, answers)
	r := Report{Repeat: true, Items: make([]store.Outcome, len(answers))}
	err = s.ImportForeign(ctx, func(x *store.ImportTx) error {
		for i := range answers {
			repeat, err := settleForeign(x, &answers[i], &r.Items[i])
			if err != nil {
				return err
			}
			r.Repeat = r.Repeat && repeat
		}
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	return r, nil
}

// settleForeign applies one answer to its row.
func settleForeign(x *store.ImportTx, a *answer, o *store.Outcome) (repeat bool, err error) {
	row, ok, err := x.Row(a.receipt.ID)
	if err != nil {
		return false, err
	}
	if ok && a.err == nil && !row.CancelRequested && onItsWay(row.State) {
		*o = store.Outcome{ID: row.ID, Status: StatusSigned, TxID: row.TxID}
		return true, nil
	}
	if *o, err = settle(x, a); err != nil || o.Status != StatusQuarantined {
		return false, err
	}
	kept := a.psbt
	if kept == nil {
		if kept, err = bundle.EncodeItem(a.receipt); err != nil {
			return false, err
		}
	}
	return x.Quarantine(*o, kept)
}

// onItsWay reports whether a row that was exported is sealed and may have landed.
func onItsWay(s pending.State) bool {
	switch s {
	case pending.Signed, pending.Broadcasting, pending.Broadcast, pending.Complete:
		return true
	}
	return false
}

// matchForeign pairs every answer with the row that it answers.
func matchForeign(ctx context.Context, s *store.Store, theirs []ForeignAnswer) ([]answer, error) {
	if len(theirs) == 0 || len(theirs) > bundle.MaxItems {
		return nil, fault.New("import.answer", "", "there are %d answers, and 1 to %d are taken at once", len(theirs), bundle.MaxItems)
	}
	rows, err := findRows(ctx, s, theirs)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(theirs))
	seen := make(map[bundle.ID]bool, len(theirs))
	for i := range theirs {
		row, a := &rows[i], &answers[i]
		if row.Signer != pending.Foreign || !row.Left() {
			return nil, fault.New("import.foreign", "", "transaction %s was not exported to another wallet", row.ID)
		}
		if seen[row.ID] {
			return nil, fault.New("import.duplicate", "", "two answers are for transaction %s", row.ID)
		}
		seen[row.ID] = true
		if a.request, err = RequestOf(row); err != nil {
			return nil, err
		}
		a.digest, a.psbt = row.Digest, theirs[i].PSBT
		a.receipt = bundle.Receipt{ID: row.ID, Digest: row.Digest, Status: bundle.Signed, Signatures: theirs[i].Signatures}
		if a.psbt == nil {
			if _, err := bundle.EncodeItem(a.receipt); err != nil { // checks number and sizes
				return nil, fault.New("import.answer", "", "the answer for transaction %s: %w", row.ID, err)
			}
		}
	}
	return answers, nil
}

// findRows gives the row that each answer names, or else that its PSBT is of.
func findRows(ctx context.Context, s *store.Store, theirs []ForeignAnswer) ([]pending.Transaction, error) {
	rows := make([]pending.Transaction, len(theirs))
	wanted := map[bitcoin.Hash]int{}
	for i, f := range theirs {
		switch {
		case (len(f.PSBT) == 0) == (len(f.Signatures) == 0) || len(f.PSBT) > bundle.MaxPayload:
			return nil, fault.New("import.answer", "", "answer %d has neither a PSBT nor signatures, or both, or is too long", i+1)
		case f.ID != bundle.ID{}:
			row, err := s.Get(ctx, store.Any, f.ID)
			if fault.Is(err, "kms.missing") {
				return nil, fault.New("import.foreign", "", "answer %d is for transaction %s, which is not known here", i+1, f.ID)
			}
			if err != nil {
				return nil, err
			}
			rows[i] = row
			continue
		case len(f.PSBT) == 0:
			return nil, fault.New("import.answer", "say which transaction they sign", "answer %d has signatures and no id", i+1)
		}
		h, err := bitcoin.Unsigned(f.PSBT)
		if err != nil {
			return nil, err
		}
		if other, ok := wanted[h]; ok {
			return nil, fault.New("import.duplicate", "", "answers %d and %d are for one transaction", other+1, i+1)
		}
		wanted[h] = i
	}
	return rows, findByPSBT(ctx, s, wanted, rows)
}

// findByPSBT fills in the rows whose stored PSBT is of the wanted transactions.
func findByPSBT(ctx context.Context, s *store.Store, wanted map[bitcoin.Hash]int, rows []pending.Transaction) error {
	if len(wanted) == 0 {
		return nil
	}
	for row, err := range s.Answerable(ctx) {
		if err != nil {
			return err
		}
		if row.Chain != "BTC" {
			continue
		}
		r, err := RequestOf(&row)
		if err != nil {
			return err
		}
		h, err := bitcoin.Unsigned(r.Payload)
		if err != nil {
			return err
		}
		if i, ok := wanted[h]; ok {
			rows[i] = row
			if delete(wanted, h); len(wanted) == 0 {
				return nil
			}
		}
	}
	return fault.New("import.foreign", "export the transaction first, then scan the answer to it",
		"answer %d is for no Bitcoin transaction that was exported to another wallet", slices.Min(slices.Collect(maps.Values(wanted)))+1)
}

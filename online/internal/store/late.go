package store

import "coldsign/online/internal/pending"

// Late reports whether a row's deadline has passed at the time of the import.
func (x *ImportTx) Late(row pending.Transaction) bool { return row.Late(x.t.at) }

// SealLate takes the answer to a row whose deadline has passed: it is sealed, since
// the bytes exist from now on and may come to a network by another way, and parked,
// since nothing of it is sent. It gives the code and the words for the person.
func (x *ImportTx) SealLate(row pending.Transaction, txID string, raw []byte) (code, reason string, err error) {
	row, err = x.t.move(row, pending.Seal, func(p *pending.Transaction) error {
		p.TxID, p.Raw = txID, raw
		return nil
	})
	if err != nil {
		return "", "", err
	}
	row.Code, row.Reason = whyLate(&row)
	return row.Code, row.Reason, x.t.park(row, row.Code)
}

// SealRequoted takes the answer to a row whose payment another one makes by now: the
// bytes are kept, so that they can be looked for, and nothing of them is sent.
func (x *ImportTx) SealRequoted(row pending.Transaction, txID string, raw []byte) error {
	_, err := x.t.move(row, pending.Seal, func(p *pending.Transaction) error {
		p.TxID, p.Raw = txID, raw
		return nil
	})
	return err
}

package upstream

import (
	"crypto/sha256"
	"slices"
	"strings"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Record is a PendingTransaction as an upstream shows it.
type Record struct {
	ID    bundle.ID
	Chain string
	TxID  string // once somebody has completed it
	// Content is the SHA-256 of the members that say what is to be signed, as compact
	// JSON in one order: of two records of one id with another content the second is
	// not the payment that the first was.
	Content    [32]byte
	Submission intake.Submission
}

// members are those that are read; what else a record has says nothing to a signer.
// All but txId are its content, in this order.
func members() []string {
	return []string{"id", "chain", "hashes", "serializedTransaction", "withdrawalId", "index", "signatures", "withdrawalResponses", "txId"}
}

// ReadRecord reads one record; null and absence are one. Error: upstream.record. The
// id is right whenever it is not zero, also with an error.
func ReadRecord(raw []byte) (r Record, err error) {
	bad := func(format string, args ...any) error {
		return fault.New("upstream.record", "", "a record of the upstream cannot be read: "+format, args...)
	}
	v, err := strictjson.Parse(raw)
	if err != nil {
		return r, bad("%w", err)
	}
	if v.Kind != strictjson.Object {
		return r, bad("it is not a JSON object")
	}
	f, _ := v.Object(members()...)
	if r.ID, err = bundle.ParseID(f["id"].Text); err != nil || f["id"].Kind != strictjson.String {
		return Record{}, bad("its id is not 24 lower-case hex characters")
	}
	for _, name := range []string{"chain", "serializedTransaction", "withdrawalId", "txId"} {
		if k := f[name].Kind; k != strictjson.Absent && k != strictjson.String {
			return r, bad("%s of %s is not a string", name, r.ID)
		}
	}
	r.Chain, r.TxID = f["chain"].Text, f["txId"].Text
	s := &r.Submission
	s.ID, s.Chain, s.SerializedTransaction, s.WithdrawalID = r.ID, r.Chain, f["serializedTransaction"].Text, f["withdrawalId"].Text
	s.WithdrawalResponses = f["withdrawalResponses"]
	for _, h := range f["hashes"].Items {
		s.Hashes = append(s.Hashes, h.Text) // intake wants UUIDs
	}
	if f["index"].Kind != strictjson.Absent {
		n, ok := f["index"].Uint(uint64(chain.Hardened) - 1)
		if !ok {
			return r, bad("index of %s is not an integer in range", r.ID)
		}
		i := uint32(n)
		s.Index = &i
	}
	for _, p := range f["signatures"].Items {
		pair, _ := p.Object("id", "index")
		n, ok := pair["index"].Uint(uint64(chain.Hardened) - 1)
		if !ok {
			return r, bad("signatures of %s are not pairs of id and index", r.ID)
		}
		s.Signatures = append(s.Signatures, pending.KeyIndex{ID: pair["id"].Text, Index: uint32(n)})
	}
	r.Content = content(f)
	return r, nil
}

func content(f strictjson.Fields) [32]byte {
	names := members()
	var b []byte
	for _, name := range names[:len(names)-1] {
		b = append(f[name].Append(b), '\n')
	}
	return sha256.Sum256(b)
}

// names reports whether the record names one of the wallets.
func (r *Record) names(ids map[string]bool) bool {
	return slices.ContainsFunc(r.Submission.Hashes, func(h string) bool { return ids[strings.ToLower(h)] }) ||
		slices.ContainsFunc(r.Submission.Signatures, func(k pending.KeyIndex) bool { return ids[strings.ToLower(k.ID)] })
}

// same reports whether two transaction ids are one, in whatever spelling.
func same(chainName, a, b string) bool {
	if chainName == "SOL" {
		return a == b
	}
	return strings.EqualFold(strings.TrimPrefix(a, "0x"), strings.TrimPrefix(b, "0x"))
}

// other is the alarm for an id that another transaction is said to have completed.
func other(id bundle.ID, got string) error {
	return fault.New("upstream.txid", "find out who else signs for this account: stop that signer first",
		"ALARM: the upstream says that another transaction, %s, completed %s", quote.String(got), id)
}

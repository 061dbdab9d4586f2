package api

import (
	"context"
	"crypto/sha256"
	"math/big"
	"net/http"
	"strings"

	"coldsign/online/internal/create"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Replacer makes a transaction that competes with another on chain.
type Replacer interface {
	Make(ctx context.Context, tenant string, id bundle.ID, o replace.Options) (replace.Done, error)
}

// replaceRow is POST /v1/transactions/{id}/replace, the same payment with a higher
// fee: 201 for a new row, which competes with the named one.
func replaceRow(k *call) (reply, error) { return k.replace(replace.Options{}) }

// cancelOnChain is POST /v1/transactions/{id}/cancel: 200 for a row that never
// left, which is cancelled now, and 201 for a new row that takes the place of the
// named one on chain and pays nobody.
func cancelOnChain(k *call) (reply, error) { return k.replace(replace.Options{Cancel: true}) }

// requoteRow is POST /v1/transactions/{id}/requote, the same payment with what the
// network wants now: 201 for a new row, which makes it in the place of the named one.
func requoteRow(k *call) (reply, error) { return k.replace(replace.Options{Requote: true}) }

func (k *call) replace(o replace.Options) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	id, err := k.id()
	if err != nil {
		return reply{}, err
	}
	idem, b, err := k.idempotent(maxReplace)
	if err != nil {
		return reply{}, err
	}
	idem.Body = sha256.Sum256(append([]byte(k.URL.Path+"\n"), b...)) // of another row it is another request
	o.Requester, o.Idem = k.caller.Name, idem
	if len(b) > 0 {
		f, err := object(b, "fee", "force")
		if err != nil {
			return reply{}, err
		}
		if text := f.text("fee", 78); f.has("fee") {
			fee, ok := new(big.Int).SetString(text, 10)
			if !ok || fee.Sign() <= 0 || fee.BitLen() > 256 || strings.Trim(text, "0123456789") != "" {
				f.fail("fee", "isNumberString", "must be a string of decimal digits: satoshi of the whole, or wei for each gas")
			}
			o.Fee = fee
		}
		if v := f.Fields["force"]; f.has("force") {
			if o.Force = v.Text == "true"; v.Kind != strictjson.Bool {
				f.fail("force", "isBoolean", "must be true or false")
			}
		}
		if f.errs != nil {
			return reply{}, f.errs
		}
	}
	done, err := k.Replacer.Make(k.ctx(), k.caller.Tenant, id, o)
	if o.Requote && strings.HasPrefix(fault.Code(err), "node.") { // where the node is, and its words, are ours to know
		err = create.NodeError(err)
	}
	if err != nil {
		return reply{}, err
	}
	if !done.Made {
		return k.show(http.StatusOK, &done.Row)
	}
	status := http.StatusCreated
	if done.Had {
		status = http.StatusOK
	}
	return k.show(status, &done.New)
}

// idempotent reads the Idempotency-Key and the body.
func (k *call) idempotent(most int64) (idem store.Idempotency, b []byte, err error) {
	keys := k.Header.Values("Idempotency-Key")
	if len(keys) > 1 || len(keys) == 1 && (keys[0] == "" || len(keys[0]) > 255 || !quote.Plain(keys[0])) {
		return idem, nil, bad("Idempotency-Key", "length", "Idempotency-Key must be one header of 1 to 255 printable ASCII characters", "")
	}
	if b, err = k.body(most); err != nil {
		return idem, nil, err
	}
	if idem.Body = sha256.Sum256(b); len(keys) == 1 {
		idem.Key = keys[0]
	}
	return idem, b, nil
}

// link says which rows replace others, and which make the payment of others. What
// became of a payment that was quoted anew is told under its first row; that one of its
// attempts failed is not, while another may make it.
func (k *call) link(rows []pending.Transaction, to []transaction) error {
	ids := make([]bundle.ID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	links, err := k.Store.Links(k.Context(), ids)
	if err != nil {
		return err
	}
	anew, err := k.Store.Successions(k.Context(), ids)
	if err != nil {
		return err
	}
	for i := range rows {
		if l, ok := links[rows[i].ID]; ok {
			to[i].Replaces, to[i].Cancels = l.Root.String(), l.Cancels
		}
		x, ok := anew[rows[i].ID]
		if !ok {
			continue
		}
		if x.Of != (bundle.ID{}) {
			to[i].Requotes = x.Of.String()
		}
		to[i].become(&rows[i], x)
	}
	return nil
}

// become shows what stands for the payment of the row.
func (t *transaction) become(row *pending.Transaction, x store.Succession) {
	if x.By != (bundle.ID{}) {
		at := transactionOf(&x.At)
		t.State, t.TxID, t.Confirmations, t.Code, t.Reason = at.State, at.TxID, at.Confirmations, at.Code, at.Reason
		t.CancelRequested, t.Asserted, t.Hot = at.CancelRequested, at.Asserted, at.Hot
		if x.At.ID != row.ID {
			t.ReplacedBy = at.ID
		}
	}
	if x.Held || x.Unanswered {
		t.State, t.Code, t.Reason, t.CancelRequested, t.TxID, t.Confirmations = string(pending.Pending), "", "", false, "", 0
	}
}

// paidWith gives the KMS record of a row, with the transaction that makes its payment.
func (k *call) paidWith(row *pending.Transaction) (record, error) {
	r := recordOf(row)
	anew, err := k.Store.Successions(k.Context(), []bundle.ID{row.ID})
	x, ok := anew[row.ID]
	if err != nil || !ok {
		return r, err
	}
	t := transaction{record: r}
	t.become(row, x)
	return t.record, nil
}

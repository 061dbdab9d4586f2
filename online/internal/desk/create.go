package desk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"coldsign/online/internal/account"
	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Creator makes the payments of the form: the same as the KMS API's creation calls.
type Creator interface {
	Create(ctx context.Context, who create.Caller, call create.Call, body []byte, idem store.Idempotency) (*pending.Transaction, error)
}

func createRoutes() []route {
	return []route{
		{pattern: "GET /desk/create", need: account.Submitter, do: createPage},
		{pattern: "POST /desk/create", need: account.Submitter, do: createPayment},
		{pattern: "POST /desk/create/raw", need: account.Submitter, most: maxRaw, do: createRaw},
	}
}

// homeTenant is the tenant of what is made at the desk, and of keys that name none.
const homeTenant = "default"

// createView is the form, with what was typed and what is wrong with it.
type createView struct {
	Wallets []pending.Wallet
	Chains  []chain.Chain
	Form    map[string]string
	Fields  intake.FieldErrors
	Problem *problem
	Idem    string
	Raw     bool // the form of the native bytes was sent
	Nodes   bool // networks are configured, so that fees and nonces are known
}

func createPage(r *request) error { return r.showCreate(createView{Form: map[string]string{}}, nil) }

func (r *request) showCreate(v createView, wrong error) error {
	list, err := r.Store.Wallets(r.Context())
	if err != nil {
		return err
	}
	v.Wallets, v.Chains, v.Nodes, v.Idem = list[:min(len(list), maxWallets)], r.Chains.All(), len(r.Depth) > 0, newIdem()
	at := http.StatusOK
	if fields, ok := errors.AsType[intake.FieldErrors](wrong); ok {
		v.Fields, at = fields, http.StatusBadRequest
	} else if wrong != nil {
		p := r.explain(wrong)
		v.Problem, at = &p, p.Status
	}
	return r.pageStatus(at, "create", v)
}

// typed are the fields of the form, so that a mistake costs no typing.
func (r *request) typed(names ...string) map[string]string {
	m := map[string]string{}
	for _, name := range names {
		m[name] = strings.TrimSpace(r.PostFormValue(name))
	}
	return m
}

// createPayment is the short form: from a wallet, to an address, an amount. Nonce,
// inputs and fee come from the network's nodes.
func createPayment(r *request) error {
	v := createView{Form: r.typed("wallet", "index", "network", "to", "amount", "fee", "token", "digits", "nonce")}
	row, err := r.pay(v.Form)
	if err != nil {
		return r.showCreate(v, err)
	}
	return r.redirect("/desk/tx/" + row.ID.String())
}

func (r *request) pay(f map[string]string) (*pending.Transaction, error) {
	idem, err := r.idem()
	if err != nil {
		return nil, err
	}
	id, err := bundle.ParseSignatureID(f["wallet"])
	if err != nil {
		return nil, create.Bad("wallet", "isDefined", "must be chosen")
	}
	w, ok, err := r.Store.Wallet(r.Context(), id)
	if err == nil && !ok {
		err = create.Bad("wallet", "isDefined", "is not known here")
	}
	if err != nil {
		return nil, err
	}
	n, ok := r.networkOf(w.Chain, w.Testnet)
	if f["network"] != "" {
		_, n, ok = r.Chains.ByNetwork(chain.ID(f["network"]))
	}
	if !ok || n.Chain != w.Chain {
		return nil, create.Bad("network", "isEnum", "must be a configured network of the wallet's chain")
	}
	index := uint64(0)
	if f["index"] != "" {
		if index, err = strconv.ParseUint(f["index"], 10, 31); err != nil {
			return nil, create.Bad("index", "isInt", "must be a whole number")
		}
	}
	call := create.Call{Chain: w.Chain, Kind: create.Transaction, Network: string(n.ID)}
	body := r.body(w, n, uint32(index), f, &call)
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if r.Creator == nil {
		return nil, fault.New("desk.create", "use the form below", "this server makes no payments by itself")
	}
	return r.Creator.Create(r.ctx(), create.Caller{Tenant: homeTenant, Name: "desk " + r.who.User.Name}, call, raw, idem)
}

// body is the body of the creation call. Numbers go as they were typed.
func (r *request) body(w pending.Wallet, n chain.Network, index uint32, f map[string]string, call *create.Call) map[string]any {
	derives := len(w.ChainCode) > 0 || len(w.Keys) > 0
	if n.ID.Namespace() == "bip122" {
		from := map[string]any{"signatureId": f["wallet"]}
		if derives {
			from["signatureIdIndex"] = index
		}
		if list := r.addresses(w, n, index); len(list) > 0 {
			from["address"] = list[0]
		}
		body := map[string]any{"fromAddress": []any{from}, "to": []any{map[string]any{"address": f["to"], "value": number(f["amount"])}}}
		if f["fee"] != "" {
			body["fee"], body["changeAddress"] = f["fee"], from["address"]
		}
		return body
	}
	body := map[string]any{"to": f["to"], "amount": f["amount"], "currency": w.Chain, "signatureId": f["wallet"]}
	if derives {
		body["index"] = index
	}
	if n.ID.Namespace() == "solana" {
		delete(body, "currency")
		if list := r.addresses(w, n, index); len(list) > 0 {
			body["from"] = list[0]
		}
		if f["nonce"] != "" {
			body["nonceAccount"] = f["nonce"]
		}
	}
	if f["token"] != "" {
		delete(body, "currency")
		call.Kind, call.Chain = create.Token, ""
		body["chain"], body["contractAddress"], body["digits"] = w.Chain, f["token"], number(f["digits"])
	}
	return body
}

// number is a decimal number as JSON has it, or the text where it is none, which the
// call then refuses with its own words.
func number(text string) any {
	if text == "" || len(text) > 40 || strings.Trim(text, "0123456789.") != "" || !json.Valid([]byte(text)) {
		return text
	}
	return json.Number(text)
}

// addresses are those of a wallet's key.
func (r *request) addresses(w pending.Wallet, n chain.Network, index uint32) []string {
	s := intake.Submission{Chain: w.Chain, Network: string(n.ID), Hashes: []string{w.SignatureID.String()}}
	if len(w.ChainCode) > 0 || len(w.Keys) > 0 {
		s.Index = &index
	}
	list, err := r.Intake.Accounts(r.Context(), homeTenant, s)
	if err != nil || len(list) == 0 {
		return nil
	}
	for _, a := range list {
		if a.SignatureID == w.SignatureID {
			return a.Addresses
		}
	}
	return nil
}

// createRaw takes the native bytes, as POST /v1/transactions does.
func createRaw(r *request) error {
	v := createView{Form: r.typed("chain", "network", "hashes", "index", "transaction", "evidence", "note"), Raw: true}
	row, err := r.submit(v.Form)
	if err != nil {
		return r.showCreate(v, err)
	}
	return r.redirect("/desk/tx/" + row.ID.String())
}

func (r *request) submit(f map[string]string) (*pending.Transaction, error) {
	idem, err := r.idem()
	if err != nil {
		return nil, err
	}
	if earlier, err := r.Store.Earlier(r.Context(), homeTenant, idem); err != nil || earlier != nil {
		return earlier, err
	}
	s := intake.Submission{Chain: f["chain"], Network: f["network"], Hashes: strings.Fields(f["hashes"]), Evidence: f["evidence"], Note: f["note"], Requester: "desk " + r.who.User.Name}
	if f["index"] != "" {
		n, err := strconv.ParseUint(f["index"], 10, 31)
		if err != nil {
			return nil, create.Bad("index", "isInt", "must be a whole number")
		}
		index := uint32(n)
		s.Index = &index
	}
	s.Transaction = strictjson.Value{Kind: strictjson.String, Text: f["transaction"]}
	if strings.HasPrefix(f["transaction"], "{") {
		if s.Transaction, err = strictjson.Parse([]byte(f["transaction"])); err != nil {
			return nil, create.Bad("transaction", "isJSON", "must be JSON, base64 or 0x and hex")
		}
	}
	row, _, err := r.Intake.Accept(r.Context(), homeTenant, s)
	if err != nil {
		return nil, err
	}
	existing, err := r.Store.Create(r.ctx(), row, idem)
	if err == nil && existing != nil {
		row = existing
	}
	return row, err
}

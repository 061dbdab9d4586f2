package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"coldsign/online/internal/node"
	"coldsign/online/internal/signer"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Signer takes what hot signers hand in, and asks nodes for them.
type Signer interface {
	Broadcast(ctx context.Context, tenant string, h signer.Handed) (signer.Done, error)
	Ask(ctx context.Context, tenant, chain, method string, params []json.RawMessage) (json.RawMessage, error)
	Count(ctx context.Context, chain, address string) (uint64, error)
	GasPrice(ctx context.Context, tenant, chain string) (json.RawMessage, error)
}

// signerRoutes are what the tatum-kms daemon calls beside the poll. Where the path
// has a {key}, that is the API key: the daemon sends it so.
func signerRoutes() []route {
	return []route{
		{"POST /v3/{coin}/broadcast", store.ScopeSign, handIn},
		{"POST /v3/offchain/withdrawal/broadcast", store.ScopeSign, handInWithdrawal},
		{"POST /v3/tatum/kms/batch", store.ScopeSign, reportErrors},
		{"POST /v3/{coin}/web3/{key}", store.ScopeSign, askByCoin},
		{"POST /v3/blockchain/node/{chain}/{key}", store.ScopeSign, askByChain},
		{"GET /v3/{coin}/transaction/count/{address}", store.ScopeSign, countOf},
		{"GET /v3/blockchain/fee/{chain}", store.ScopeSign, feeOf},
	}
}

// coin is how the paths of the KMS API name a chain.
type coin struct{ path, chain, code string }

func coins() []coin {
	return []coin{
		{"bitcoin", "BTC", "bitcoin"}, {"litecoin", "LTC", "litecoin"}, {"dogecoin", "DOGE", "dogecoin"}, {"bcash", "BCH", "bch"},
		{"ethereum", "ETH", "ethereum"}, {"bsc", "BSC", "bsc"}, {"polygon", "MATIC", "polygon"}, {"klaytn", "KLAY", "klaytn"},
		{"one", "ONE", "one"}, {"xdc", "XDC", "xdc"}, {"kcs", "KCS", "kcs"}, {"celo", "CELO", "celo"}, {"solana", "SOL", "solana"},
	}
}

// coin finds the chain that the path names, by its path name or its chain name.
func (k *call) coin() (coin, error) {
	name, property := k.PathValue("coin"), "coin"
	of := func(c coin) string { return c.path }
	if name == "" {
		name, property, of = k.PathValue("chain"), "chain", func(c coin) string { return c.chain }
	}
	var known []string
	for _, c := range coins() {
		if of(c) == name {
			return c, nil
		}
		known = append(known, of(c))
	}
	return coin{}, bad(property, "isEnum", property+" must be one of "+strings.Join(known, ", "), name)
}

// handIn is POST /v3/{coin}/broadcast with {"txData", "signatureId"}.
func handIn(k *call) (reply, error) {
	c, err := k.coin()
	if err != nil {
		return reply{}, err
	}
	f, err := k.handed("txData", "signatureId")
	if err != nil {
		return reply{}, err
	}
	h := signer.Handed{Chain: c.chain, TxData: f.text("txData", maxSubmit)}
	done, err := k.take(f, c, h)
	return reply{http.StatusOK, struct {
		TxID   string `json:"txId"`
		Failed bool   `json:"failed,omitempty"`
	}{done.TxID, done.Failed}}, err
}

// handInWithdrawal is POST /v3/offchain/withdrawal/broadcast.
func handInWithdrawal(k *call) (reply, error) {
	f, err := k.handed("currency", "signatureId", "withdrawalId", "txData")
	if err != nil {
		return reply{}, err
	}
	h := signer.Handed{Chain: f.text("currency", 16), TxData: f.text("txData", maxSubmit), Withdrawal: f.text("withdrawalId", 24)}
	for _, name := range []string{"currency", "withdrawalId"} {
		if !f.has(name) {
			f.fail(name, "isDefined", "must be given")
		}
	}
	at := slices.IndexFunc(coins(), func(c coin) bool { return c.chain == h.Chain })
	if at < 0 && f.errs == nil {
		f.fail("currency", "isEnum", "must be a chain that this server broadcasts for")
	}
	done, err := k.take(f, coins()[max(at, 0)], h)
	return reply{http.StatusOK, struct {
		TxID      string `json:"txId"`
		Completed bool   `json:"completed"`
	}{done.TxID, !done.Failed}}, err
}

func (k *call) handed(names ...string) (*fields, error) {
	if _, err := k.query(); err != nil {
		return nil, err
	}
	b, err := k.body(maxSubmit)
	if err != nil {
		return nil, err
	}
	return object(b, names...)
}

// take hands in what the fields say, once they are right.
func (k *call) take(f *fields, c coin, h signer.Handed) (signer.Done, error) {
	if !f.has("txData") {
		f.fail("txData", "isDefined", "must be given")
	}
	if text := f.text("signatureId", 24); f.has("signatureId") {
		var err error
		if h.ID, err = bundle.ParseID(text); err != nil {
			f.fail("signatureId", "length", "must be 24 lower-case hex characters")
		}
	}
	if f.errs != nil {
		return signer.Done{}, f.errs
	}
	if !f.has("signatureId") {
		return signer.Done{}, &problem{http.StatusForbidden, "broadcast.foreign", "Only the pending transactions of this server are broadcast: name one in signatureId.", nil}
	}
	done, err := k.Signer.Broadcast(k.ctx(), k.caller.Tenant, h)
	return done, refusal(err, c, h.ID.String())
}

// refusal is the answer to what was not broadcast. What a node wrote is not passed on.
func refusal(err error, c coin, id string) error {
	code := fault.Code(err)
	what, cure := node.Words(code)
	switch {
	case err == nil:
		return nil
	case code == "transaction.encoding":
		return bad("txData", "isTransaction", quote.Line(err.Error()), "")
	case code == "kms.missing":
		return &problem{http.StatusForbidden, code, "No such KMS signature with id '" + id + "'.", nil}
	case told(code):
		return &problem{http.StatusForbidden, code, quote.Line(err.Error()), nil}
	case code == "broadcast.failed":
		return &problem{http.StatusForbidden, c.code + ".broadcast.failed", quote.Line(err.Error()), nil}
	case what != "":
		return &problem{http.StatusForbidden, c.code + ".broadcast.failed", strings.TrimSuffix(what+"; "+cure, "; "), nil}
	}
	return err
}

// told reports whether a signer is told the code and its words as they are.
func told(code string) bool {
	return strings.HasPrefix(code, "four-eyes.") ||
		slices.Contains([]string{"kms.exported", "kms.transaction.mismatch", "deadline.passed", "txid.duplicate", "state.conflict", "node.network", "node.missing"}, code)
}

// reportErrors is POST /v3/tatum/kms/batch: what the signer could not sign or hand
// in. It is noted in the rows, and told to who listens.
func reportErrors(k *call) (reply, error) {
	f, err := k.handed("errors")
	if err != nil {
		return reply{}, err
	}
	if !f.has("errors") {
		f.fail("errors", "isDefined", "must be given")
	}
	var list []store.SignerReport
	for _, v := range f.items("errors", maxReports) {
		pair, unknown := v.Object("signatureId", "error")
		id, err := bundle.ParseID(pair["signatureId"].Text)
		if v.Kind != strictjson.Object || unknown != nil || err != nil || pair["signatureId"].Kind != strictjson.String || pair["error"].Kind != strictjson.String {
			f.fail("errors", "isObject", "must hold objects of signatureId, the id of a pending transaction, and error, a text")
			break
		}
		list = append(list, store.SignerReport{ID: id, Text: words(pair["error"].Text, k.Header.Get("X-Api-Key"))})
	}
	if f.errs != nil {
		return reply{}, f.errs
	}
	fresh, unknown, err := k.Store.KeepReports(k.ctx(), k.caller.Tenant, list)
	if err == nil && len(fresh) > 0 && k.Reported != nil {
		k.Reported(k.ctx(), k.caller.Tenant, fresh)
	}
	if err == nil && unknown > 0 {
		err = &problem{http.StatusForbidden, "kms.missing", "No such KMS signature; the others are noted.", nil}
	}
	return reply{http.StatusNoContent, nil}, err
}

// words makes a printable line of a signer's error. Its text may hold the address
// that it called, and so an API key.
func words(text, key string) string {
	text, line := strings.ReplaceAll(text, key, "(key)"), ""
	for i, part := range strings.Split(text, "csk_") {
		if i > 0 {
			part = "(key)" + strings.TrimLeft(part, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-")
		}
		line += part
	}
	line = quote.Line(strings.ToValidUTF8(line[:min(len(line), maxReport)], "?"))
	return line[:min(len(line), maxReport)]
}

func askByCoin(k *call) (reply, error) {
	return k.ask("ethereum", "bsc", "polygon", "one", "xdc", "kcs")
}
func askByChain(k *call) (reply, error) {
	return k.ask("klaytn", "celo", "solana", "ethereum", "bsc", "polygon", "one", "xdc", "kcs")
}

// rpcError is one of JSON-RPC 2.0.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// ask passes a JSON-RPC call on, if it is one that a signer needs.
func (k *call) ask(may ...string) (reply, error) {
	c, err := k.coin()
	if err == nil && !slices.Contains(may, c.path) {
		err = bad("coin", "isEnum", "coin must be one of "+strings.Join(may, ", "), c.path)
	}
	if err != nil {
		return reply{}, err
	}
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	b, err := k.body(maxAsk)
	if err != nil {
		return reply{}, err
	}
	f, err := object(b, "jsonrpc", "id", "method", "params")
	if err != nil {
		return reply{}, err
	}
	method := f.text("method", 64)
	if !f.has("method") {
		f.fail("method", "isDefined", "must be given")
	}
	id := json.RawMessage("null")
	if v := f.Fields["id"]; v.Kind == strictjson.String || v.Kind == strictjson.Number {
		id = v.Append(nil)
	}
	var params []json.RawMessage
	for _, v := range f.items("params", 8) {
		params = append(params, v.Append(nil))
	}
	if f.errs != nil || len(id) > 128 {
		return reply{}, f.errs
	}
	result, err := k.Signer.Ask(k.ctx(), k.caller.Tenant, c.chain, method, params)
	failed, err := rpcFault(err)
	return reply{http.StatusOK, struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result,omitempty"`
		Error   *rpcError       `json:"error,omitempty"`
	}{"2.0", id, result, failed}}, err
}

// rpcFault tells what the caller is told as a JSON-RPC error, from an error of ours.
func rpcFault(err error) (*rpcError, error) {
	code := fault.Code(err)
	what, _ := node.Words(code)
	switch {
	case err == nil:
		return nil, nil
	case code == "node.method":
		return &rpcError{-32601, quote.Line(err.Error())}, nil
	case code == "node.params":
		return &rpcError{-32602, quote.Line(err.Error())}, nil
	case what != "":
		return &rpcError{-32000, what + " (" + code + ")"}, nil
	case told(code), slices.Contains([]string{"broadcast.foreign", "broadcast.ambiguous", "broadcast.failed"}, code):
		return &rpcError{-32000, quote.Line(err.Error())}, nil
	}
	return nil, err
}

// countOf is GET /v3/{coin}/transaction/count/{address}: a bare number.
func countOf(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	c, err := k.coin()
	if err != nil {
		return reply{}, err
	}
	n, err := k.Signer.Count(k.ctx(), c.chain, k.PathValue("address"))
	if fault.Is(err, "transaction.address") {
		err = bad("address", "isAddress", "address must be one of an account that counts its transactions", k.PathValue("address"))
	}
	return reply{http.StatusOK, n}, refusal(err, c, "")
}

// feeOf is GET /v3/blockchain/fee/{chain}: what the node asks for a unit of gas, in
// wei, for all three speeds.
func feeOf(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	c, err := k.coin()
	if err != nil {
		return reply{}, err
	}
	answer, err := k.Signer.GasPrice(k.ctx(), k.caller.Tenant, c.chain)
	if fault.Is(err, "node.method") {
		err = bad("chain", "isEnum", "chain must be one that has a price of gas", c.chain)
	}
	if err != nil {
		return reply{}, refusal(err, c, "")
	}
	var text string
	_ = json.Unmarshal(answer, &text)
	wei, ok := strictjson.Value{Kind: strictjson.String, Text: text}.Big()
	if !ok || !strings.HasPrefix(text, "0x") || wei.BitLen() > 128 {
		return reply{}, &problem{http.StatusForbidden, c.code + ".broadcast.failed", "The node gave no usable price.", nil}
	}
	price := json.RawMessage(wei.String())
	return reply{http.StatusOK, map[string]json.RawMessage{"fast": price, "medium": price, "slow": price}}, nil
}

// latest is the newest tatum-kms that was tried with this server. The daemon reads
// the header, and tells its operator when it is older.
const latest = "8.0.1;WARN;tatum-kms 8.0.1 is the newest one that was tried with this server"

// greet answers a daemon that says which version it is.
func (k *call) greet() {
	if k.Header.Get("X-Ttm-Kms-Client-Version") != "" {
		k.w.Header().Set("X-Ttm-Kms-Latest-Version", latest)
	}
}

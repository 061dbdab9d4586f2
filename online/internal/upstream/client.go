package upstream

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// version is that of the signer whose calls these are: the upstream compares it with
// its newest one.
const version = "8.0.1"

// Client makes the calls of a KMS signer to a Tatum account. Errors: upstream.timeout,
// upstream.unusable (no answer, or none that can be read), upstream.key, upstream.busy
// (asked to come back later), upstream.missing (it knows no such id) and upstream.says
// (anything else that it refuses). None shows the API key.
type Client struct {
	base, key string
	http      *http.Client
	// Notice is told what the upstream says of newer signers; nil: nobody is.
	Notice func(text string)
}

// NewClient makes a client for the address, which has no slash at its end.
func NewClient(base, key string) *Client {
	c := transport.Config{MaxBody: maxList}.Client()
	c.Timeout = 0 // each call has its own
	return &Client{base: base, key: key, http: c}
}

// Answer is what the upstream made of a broadcast.
type Answer struct {
	TxID   string
	Failed bool // it is with the network, and the upstream could not complete its own row
}

// Pending lists the records of a chain that name one of the signature ids. Each is
// the text of one JSON value, not read yet.
func (c *Client) Pending(ctx context.Context, chain string, ids []string) ([]json.RawMessage, error) {
	body, err := c.call(ctx, http.MethodPost, "/v3/kms/pending/"+url.PathEscape(chain), map[string]any{"signatureIds": ids}, maxList, listTimeout)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, unusable("its list is not a JSON array")
	}
	var list []json.RawMessage
	for d.More() {
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, unusable("its list is not JSON")
		}
		if list = append(list, one); len(list) > maxRows {
			return nil, unusable("its list has more than " + strconv.Itoa(maxRows) + " records")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, unusable("its list has no end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, unusable("something follows its list")
	}
	return list, nil
}

// Get asks for one record.
func (c *Client) Get(ctx context.Context, id bundle.ID) (Record, error) {
	body, err := c.call(ctx, http.MethodGet, "/v3/kms/"+id.String(), nil, maxAnswer, timeout)
	if err != nil {
		return Record{}, err
	}
	r, err := ReadRecord(body)
	if err == nil && r.ID != id {
		err = unusable("it answers with another record")
	}
	return r, err
}

// Check asks for an id that nobody has: whoever takes the key says that it is missing.
func (c *Client) Check(ctx context.Context) error {
	if _, err := c.Get(ctx, bundle.ID{}); !fault.Is(err, "upstream.missing") {
		return err
	}
	return nil
}

// paths are those of the broadcast calls, by KMS chain name.
func paths() map[string]string {
	return map[string]string{
		"BTC": "bitcoin", "LTC": "litecoin", "DOGE": "dogecoin", "BCH": "bcash", "ETH": "ethereum", "BSC": "bsc", "MATIC": "polygon",
		"KLAY": "klaytn", "ONE": "one", "XDC": "xdc", "KCS": "kcs", "CELO": "celo", "SOL": "solana",
	}
}

// offchain are the chains whose withdrawals have a broadcast call of their own; for
// every other one the signer ignores the withdrawal.
func offchain(chain string) bool {
	return strings.Contains(" BTC LTC DOGE BCH ETH ONE ADA ", " "+chain+" ")
}

// Broadcast gives the upstream a signed transaction, which it sends, and completes
// its row with. Of Solana txData is the signature of one that is sent already.
func (c *Client) Broadcast(ctx context.Context, chain string, id bundle.ID, withdrawal, txData string) (Answer, error) {
	path, body := "", map[string]any{"txData": txData, "signatureId": id.String()}
	if withdrawal != "" && offchain(chain) {
		path = "/v3/offchain/withdrawal/broadcast"
		body["currency"], body["withdrawalId"] = chain, withdrawal
	} else if name, ok := paths()[chain]; ok {
		path = "/v3/" + name + "/broadcast"
	} else {
		return Answer{}, fault.New("upstream.chain", "", "no broadcast call is known for chain %s", quote.Line(chain))
	}
	raw, err := c.call(ctx, http.MethodPost, path, body, maxAnswer, timeout)
	if err != nil {
		return Answer{}, err
	}
	v, err := strictjson.Parse(raw)
	if err != nil {
		return Answer{}, unusable("its answer is not JSON")
	}
	f, _ := v.Object("txId", "failed", "completed")
	a := Answer{TxID: f["txId"].Text, Failed: f["failed"].Text == "true" || f["completed"].Text == "false"}
	if f["txId"].Kind != strictjson.String || len(a.TxID) > 200 {
		return Answer{}, unusable("its answer names no transaction")
	}
	return a, nil
}

// Complete tells the upstream the transaction of one of its rows.
func (c *Client) Complete(ctx context.Context, id bundle.ID, txID string) error {
	_, err := c.call(ctx, http.MethodPut, "/v3/kms/"+id.String()+"/"+url.PathEscape(txID), nil, maxAnswer, timeout)
	return err
}

// Failure is what became of a row that nothing will come of.
type Failure struct {
	SignatureID string `json:"signatureId"` // the upstream's id
	Error       string `json:"error"`
}

// Report tells the upstream of failures.
func (c *Client) Report(ctx context.Context, list []Failure) error {
	_, err := c.call(ctx, http.MethodPost, "/v3/tatum/kms/batch", map[string]any{"errors": list}, maxAnswer, timeout)
	return err
}

func unusable(what string) error {
	return fault.New("upstream.unusable", "look at url in [upstream] of config.toml", "no usable answer from the upstream: %s", what)
}

// call makes one call. It gives the body of a 2xx answer; a redirect is followed by
// nobody, since it would carry the key elsewhere.
func (c *Client) call(ctx context.Context, method, path string, in any, limit int64, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, unusable("its address cannot be used")
	}
	req.Header.Set("x-api-key", c.key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "coldsign")
	req.Header.Set("x-ttm-kms-client-version", version)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.lost(err)
	}
	if int64(len(raw)) > limit {
		return nil, unusable("its answer is too long")
	}
	if text := resp.Header.Get("x-ttm-kms-latest-version"); text != "" && c.Notice != nil {
		c.Notice(quote.String(text))
	}
	if resp.StatusCode/100 != 2 {
		return nil, c.refused(resp, raw)
	}
	return raw, nil
}

// lost is the error for an answer that did not come: the call may have been heard.
func (c *Client) lost(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New("upstream.timeout", "", "the upstream did not answer in time")
	}
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = u.Err.Error()
	}
	return unusable(c.clean(text))
}

// Busy is an answer that asks to come back later.
type Busy struct {
	error
	After time.Duration // 0: it does not say
}

// Unwrap gives the fault.
func (b *Busy) Unwrap() error { return b.error }

// refused reads an answer that is not 2xx.
func (c *Client) refused(resp *http.Response, raw []byte) error {
	code, message := "", "no words that can be read"
	if v, err := strictjson.Parse(raw); err == nil && v.Kind == strictjson.Object {
		f, _ := v.Object("errorCode", "message")
		if f["errorCode"].Kind == strictjson.String && simple(f["errorCode"].Text) {
			code = f["errorCode"].Text
		}
		if f["message"].Kind == strictjson.String {
			message = c.clean(f["message"].Text)
		}
	}
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized:
		return fault.New("upstream.key", "look at api_key_file in [upstream] of config.toml", "the upstream does not take the API key (401 %s)", code)
	case s == http.StatusTooManyRequests || s >= 500:
		after, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16)
		if err != nil {
			after = 0
		}
		return &Busy{fault.New("upstream.busy", "", "the upstream cannot answer now (%d): %s", s, message), time.Duration(after) * time.Second}
	case s == http.StatusForbidden && code == "kms.missing":
		return fault.New("upstream.missing", "", "the upstream knows no such transaction")
	case s/100 == 3:
		return unusable("it sends us elsewhere (" + strconv.Itoa(s) + "), which is not followed")
	}
	return fault.New("upstream.says", "look into the log", "the upstream refuses (%d %s): %s", resp.StatusCode, code, message)
}

// simple reports whether an error code is short and plain: it may be shown anywhere.
func simple(code string) bool {
	return len(code) <= 64 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// clean quotes and caps text, without the key in it.
func (c *Client) clean(text string) string {
	if c.key != "" {
		for _, hidden := range []string{c.key, url.QueryEscape(c.key), hex.EncodeToString([]byte(c.key))} {
			text = strings.ReplaceAll(text, hidden, "(hidden)")
		}
	}
	return quote.String(text)
}

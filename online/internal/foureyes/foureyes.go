// Package foureyes asks an approval service whether a payment may cross the gap.
// FORMAT.md says what is asked and what counts as a yes.
//
//	s := foureyes.New(foureyes.Config{URL: url, Method: "POST", Secret: secret}, intake, warn)
//	store.Require(s) // from here on nothing is exported that it has not said yes to
//
// A verdict counts for the bytes that it names and for no others. Everything else, an
// error, a redirect, a page, another digest, leaves the row where it is, with a code:
// four-eyes.refused, four-eyes.digest, four-eyes.signature, four-eyes.answer or
// four-eyes.unreachable.
package foureyes

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/explain"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Config names a service.
type Config struct {
	URL    string            // http or https, without a slash at its end
	Method string            // POST, or GET under Compat
	Secret string            // HMAC-SHA-256 key that verdicts must be signed with; "" none
	Key    ed25519.PublicKey // that verdicts must be signed with; nil none
	Compat bool              // as tatum-kms asks: any 2xx counts
}

// Reviewer says what signing a row would do.
type Reviewer interface {
	Review(t *pending.Transaction) (chain.Review, error)
}

// Service is a store.Asker.
type Service struct {
	Config
	review Reviewer
	warn   func(text string)
	http   *http.Client
}

// Weakness is what is said of Compat, at each start and each use.
const Weakness = "four eyes: compat = true: whoever answers the approval service's address with any 2xx approves, whatever is in the payment, and nothing binds the answer to what is signed"

// New makes a service; warn is told of Weakness at each use under Compat.
func New(c Config, r Reviewer, warn func(text string)) *Service {
	client := transport.Config{MaxBody: maxAnswer}.Client()
	client.Timeout = timeout
	return &Service{c, r, warn, client}
}

// question is what is asked.
type question struct {
	ID        string `json:"id"`
	Digest    string `json:"digest"`    // SHA-256 of request, hex
	Request   []byte `json:"request"`   // the bytes that cross the gap: one CBOR item, base64
	Payload   string `json:"payload"`   // SHA-256 of the unsigned transaction in it, hex
	Challenge string `json:"challenge"` // of this question alone
	Chain     string `json:"chain"`
	Network   string `json:"network"`
	Tenant    string `json:"tenant"`
	Requester string `json:"requester,omitempty"`
	Note      string `json:"note,omitempty"`
	Deadline  int64  `json:"deadline,omitempty"` // Unix seconds; 0 none
	*explain.Explained
}

// Ask asks about one row.
func (s *Service) Ask(ctx context.Context, t *pending.Transaction) (store.Approval, error) {
	if s.Compat {
		return s.askAsBefore(ctx, t)
	}
	q, err := s.question(t)
	if err != nil {
		return store.Approval{}, err
	}
	body, err := json.Marshal(q)
	if err != nil {
		return store.Approval{}, err
	}
	resp, raw, err := s.do(ctx, http.MethodPost, s.URL, body)
	if err != nil {
		return store.Approval{}, err
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || err != nil || kind != "application/json" {
		return store.Approval{}, answer("it answers %d with %s, where 200 with application/json is an answer", resp.StatusCode, quote.String(kind))
	}
	if err := s.judge(q, raw); err != nil {
		return store.Approval{}, err
	}
	return store.Approval{Kind: "verdict", Verdict: raw}, nil
}

func (s *Service) question(t *pending.Transaction) (*question, error) {
	r, err := intake.Request(t)
	if err != nil {
		return nil, err
	}
	review, err := s.review.Review(t)
	if err != nil {
		return nil, err
	}
	payload := sha256.Sum256(r.Payload)
	return &question{
		ID: t.ID.String(), Digest: hex.EncodeToString(t.Digest[:]), Request: t.Request, Payload: hex.EncodeToString(payload[:]), Challenge: rand.Text(),
		Chain: t.Chain, Network: string(t.Network), Tenant: t.Tenant, Requester: r.Requester, Note: r.Note, Deadline: t.Deadline, Explained: explain.Of(review),
	}, nil
}

// judge reads an answer of 200.
func (s *Service) judge(q *question, raw []byte) error {
	v, err := strictjson.Parse(raw)
	if err != nil || v.Kind != strictjson.Object {
		return answer("its answer is not a JSON object that can be read in one way only")
	}
	f, _ := v.Object("approved", "digest", "signature", "reason")
	reason := f["reason"].Text
	reason = quote.Line(reason[:min(len(reason), maxReason)])
	switch {
	case f["approved"].Kind != strictjson.Bool:
		return answer("its answer does not say whether it approves")
	case f["approved"].Text != "true":
		return fault.New("four-eyes.refused", "it is asked again at the next export", "the approval service says no: %s", reason)
	case f["digest"].Kind != strictjson.String || f["digest"].Text != q.Digest:
		return fault.New("four-eyes.digest", "look at the approval service: it approves something else", "the approval service names another digest than %s", q.Digest)
	}
	return s.signed(q, f["signature"].Text)
}

// Statement is what a verdict's signature is over.
func Statement(id, digest, challenge string) []byte {
	return []byte("coldsign four-eyes v1\n" + id + "\n" + digest + "\n" + challenge + "\napproved\n")
}

func (s *Service) signed(q *question, text string) error {
	if s.Secret == "" && s.Key == nil {
		return nil
	}
	signature, err := hex.DecodeString(text)
	statement := Statement(q.ID, q.Digest, q.Challenge)
	good := err == nil
	if s.Secret != "" {
		good = good && hmac.Equal(signature, s.mac(statement))
	}
	if s.Key != nil {
		good = good && len(signature) == ed25519.SignatureSize && ed25519.Verify(s.Key, statement, signature)
	}
	if !good {
		return fault.New("four-eyes.signature", "look at the approval service's key: somebody else may answer in its place", "the verdict is not signed by the approval service, or is one of another question")
	}
	return nil
}

func (s *Service) mac(b []byte) []byte {
	m := hmac.New(sha256.New, []byte(s.Secret))
	m.Write(b)
	return m.Sum(nil)
}

// record is a row as the KMS's daemon posts it.
type record struct {
	ID         string             `json:"id"`
	Chain      string             `json:"chain"`
	Hashes     []string           `json:"hashes"`
	Serialized string             `json:"serializedTransaction"`
	Withdrawal string             `json:"withdrawalId,omitempty"`
	Index      *uint32            `json:"index,omitempty"`
	Signatures []pending.KeyIndex `json:"signatures,omitempty"`
	Responses  json.RawMessage    `json:"withdrawalResponses,omitempty"`
}

// askAsBefore asks as tatum-kms did: GET of the id, or POST of the record; any 2xx is a
// yes.
func (s *Service) askAsBefore(ctx context.Context, t *pending.Transaction) (store.Approval, error) {
	s.warn(Weakness + ": asked about " + t.ID.String())
	var body []byte
	if s.Method == http.MethodPost {
		var err error
		r := record{t.ID.String(), t.Chain, t.Hashes, t.Serialized, t.WithdrawalID, t.Index, t.Signatures, json.RawMessage(t.WithdrawalResponses)}
		if body, err = json.Marshal(r); err != nil {
			return store.Approval{}, err
		}
	}
	resp, raw, err := s.do(ctx, s.Method, s.URL+"/"+t.ID.String(), body)
	if err != nil {
		return store.Approval{}, err
	}
	if resp.StatusCode/100 != 2 {
		return store.Approval{}, fault.New("four-eyes.refused", "it is asked again at the next export", "the approval service answers %d", resp.StatusCode)
	}
	return store.Approval{Kind: "compat", Verdict: raw}, nil
}

// do asks, and reads the whole answer. A redirect is an answer, and no yes.
func (s *Service) do(ctx context.Context, method, address string, body []byte) (*http.Response, []byte, error) {
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "coldsign")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Secret != "" { // who asks
		req.Header.Set("x-coldsign-signature", hex.EncodeToString(s.mac(body)))
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, nil, lost(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body) // bounded by transport
	if err != nil {
		return nil, nil, lost(err)
	}
	return resp, raw, nil
}

func lost(err error) error {
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = u.Err.Error()
	}
	if strings.Contains(text, "answer over ") {
		return answer("its answer is too long")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time"
	}
	return fault.New("four-eyes.unreachable", "see that the approval service runs; it is asked again at the next export", "the approval service cannot be asked: %s", quote.Line(text))
}

func answer(format string, args ...any) error {
	return fault.New("four-eyes.answer", "look at url in [four_eyes] of config.toml", "the approval service gives no verdict: "+format, args...)
}

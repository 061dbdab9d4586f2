package halves

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds an answer of the API, in bytes.
const maxAnswer = 8 << 20

// Network is one network that the online half is to serve.
type Network struct {
	Chain, Name, RPC string
	User, Password   string // both or neither
	Confirmations    int
	Watch            int      // how deep a complete payment is watched; 0 for the default
	Extra            string   // more lines of its table
	More             []string // addresses of further nodes
}

// Configure writes config.toml and creates an API key, once.
func (h *Halves) Configure(ctx context.Context, networks ...Network) error {
	var b strings.Builder
	for _, n := range networks {
		fmt.Fprintf(&b, "[[network]]\nchain = %q\nnetwork = %q\nrpc = %q\nconfirmations = %d\n", n.Chain, n.Name, n.RPC, n.Confirmations)
		if n.User != "" {
			file := "password-" + n.Name
			fmt.Fprintf(&b, "user = %q\npassword_file = %q\n", n.User, file)
			if err := os.WriteFile(h.Path("online/"+file), []byte(n.Password+"\n"), 0o600); err != nil {
				return err
			}
		}
		if n.Watch > 0 {
			fmt.Fprintf(&b, "watch = %d\n", n.Watch)
		}
		b.WriteString(n.Extra)
		for _, rpc := range n.More {
			fmt.Fprintf(&b, "[[network.node]]\nrpc = %q\n", rpc)
		}
		b.WriteString("\n")
	}
	if err := os.WriteFile(h.Path("online/config.toml"), []byte(b.String()), 0o600); err != nil {
		return err
	}
	var key struct {
		Key string `json:"key"`
	}
	show := h.Show
	h.Show = nil // a key is a secret, even of a rehearsal
	err := Read(&key)(h.Online(ctx, "apikey", "create", "--name", "rehearsal", "--scope", "submit,read,complete", "--json"))
	h.Show, h.key = show, key.Key
	return err
}

// server is a running "serve".
type server struct {
	url   string
	proc  *os.Process
	ended chan struct{}
	err   error // how it ended, once ended is closed
	log   bytes.Buffer
}

// Serve starts the server on a free port and returns when it listens.
func (h *Halves) Serve(ctx context.Context) error {
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, h.home("online")...)
	h.say(h.Programs.Online, args)
	cmd := exec.Command(h.Programs.Online, args...)
	cmd.Dir, cmd.Env = h.Dir, append([]string{"HOME=" + h.Dir}, h.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s := &server{ended: make(chan struct{})}
	cmd.Stderr = &s.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	started, line := make(chan error, 1), make(chan string, 1)
	go func() {
		// The kernel sends Pdeathsig when the starting thread ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.ended)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		first, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- strings.TrimSpace(first)
		s.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return err
	}
	s.proc, h.server = cmd.Process, s
	select {
	case <-ctx.Done():
		h.Kill()
		return ctx.Err()
	case first := <-line:
		if h.Show != nil {
			h.Show(first + "\n")
		}
		var ok bool
		if s.url, ok = strings.CutPrefix(first, "listening on "); !ok {
			h.Kill()
			return fmt.Errorf("serve did not start: %s", s.log.String())
		}
		return nil
	}
}

// Stop asks the server to end, and insists after a minute. It is an error if
// it ends with a failure.
func (h *Halves) Stop() error {
	s := h.server
	if s == nil {
		return nil
	}
	h.server = nil
	s.proc.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.proc.Kill() //nolint:errcheck // as above
		<-s.ended
		return errors.New("serve did not stop in a minute")
	}
	if s.err != nil {
		return fmt.Errorf("serve: %w\n%s", s.err, s.log.String())
	}
	return nil
}

// Kill ends the server at once, as a power cut does.
func (h *Halves) Kill() {
	s := h.server
	if s == nil {
		return
	}
	h.server = nil
	s.proc.Kill() //nolint:errcheck // it may have ended
	<-s.ended
}

// Striker gives what ends the running server as Kill does, but may be called at any
// time and from anywhere: the server that runs now, and no later one. Kill tidies up.
func (h *Halves) Striker() func() {
	p := h.server.proc
	return func() { p.Kill() } //nolint:errcheck // it may have ended
}

// Ended is closed when the server that runs now has ended.
func (h *Halves) Ended() <-chan struct{} { return h.server.ended }

// Submission is the body of POST /v1/transactions.
type Submission struct {
	Chain       string          `json:"chain"`
	Network     string          `json:"network"`
	Hashes      []string        `json:"hashes"`
	Index       int             `json:"index"`
	Signatures  []KeyIndex      `json:"signatures,omitempty"`
	Transaction json.RawMessage `json:"transaction"`
	Note        string          `json:"note,omitempty"`
}

// KeyIndex names a key of a wallet.
type KeyIndex struct {
	ID    string `json:"id"`
	Index int    `json:"index"`
}

// Row is a pending transaction as the API shows it.
type Row struct {
	ID              string `json:"id"`
	Chain           string `json:"chain"`
	State           string `json:"state"`
	TxID            string `json:"txId"`
	Confirmations   uint64 `json:"confirmations"`
	CancelRequested bool   `json:"cancelRequested"`
	Code            string `json:"code"`
	Reason          string `json:"reason"`
	Bundle          uint64 `json:"bundle"`
}

// Refusal is an answer of the API that is not 2xx.
type Refusal struct {
	Status int
	Code   string `json:"errorCode"`
	Text   string
}

func (r *Refusal) Error() string { return strconv.Itoa(r.Status) + " " + r.Text }

// Submit creates a pending transaction. The same key and submission give the
// same row.
func (h *Halves) Submit(ctx context.Context, key string, s Submission) (r Row, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return r, err
	}
	err = h.call(ctx, "POST", "/v1/transactions", key, body, &r)
	return r, err
}

// Create makes a creation call of the KMS API, and gives the pending transaction's id.
func (h *Halves) Create(ctx context.Context, path, key string, body any) (id string, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	var answer struct{ SignatureID string }
	err = h.call(ctx, "POST", path, key, b, &answer)
	return answer.SignatureID, err
}

// Get asks for a row.
func (h *Halves) Get(ctx context.Context, id string) (r Row, err error) {
	err = h.call(ctx, "GET", "/v1/transactions/"+id, "", nil, &r)
	return r, err
}

// Delete is the KMS's call that cancels.
func (h *Halves) Delete(ctx context.Context, id string) error {
	return h.call(ctx, "DELETE", "/v3/kms/"+id, "", nil, nil)
}

// Complete is the KMS's call that says that a transaction was sent.
func (h *Halves) Complete(ctx context.Context, id, txID string) error {
	return h.call(ctx, "PUT", "/v3/kms/"+id+"/"+txID, "", nil, nil)
}

func (h *Halves) call(ctx context.Context, method, path, idempotency string, body []byte, into any) error {
	if h.server == nil {
		return errors.New("the server does not run")
	}
	req, err := http.NewRequestWithContext(ctx, method, h.server.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("x-api-key", h.key)
	req.Header.Set("Content-Type", "application/json")
	if idempotency != "" {
		req.Header.Set("Idempotency-Key", idempotency)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		r := &Refusal{Status: resp.StatusCode, Text: string(text)}
		json.Unmarshal(text, r) //nolint:errcheck // the text says it too
		return r
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// Call makes any call of the API with the key of Configure.
func (h *Halves) Call(ctx context.Context, method, path string, body []byte, into any) error {
	return h.call(ctx, method, path, "", body, into)
}

// URL is where the server listens.
func (h *Halves) URL() string { return h.server.url }

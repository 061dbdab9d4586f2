package halves

import "context"

// Exported is what "export" says.
type Exported struct {
	Sequence uint64 `json:"sequence"`
	Items    int    `json:"items"`
	Repeat   bool   `json:"repeat"`
	Digest   string `json:"digest"`
}

// Export writes a bundle of what is pending.
func (h *Halves) Export(ctx context.Context, file string, more ...string) (x Exported, err error) {
	err = Read(&x)(h.Online(ctx, append([]string{"export", "--out", file, "--json"}, more...)...))
	return x, err
}

// Review is what "review" says; what else it says the tests do not read.
type Review struct {
	Digest   string `json:"digest"`
	Repeat   bool   `json:"repeat"`
	Signable int    `json:"signable"`
	Refused  int    `json:"refused"`
	Items    []struct {
		ID      string `json:"id"`
		Chain   string `json:"chain"`
		Note    string `json:"note"`
		Verdict struct {
			Allow bool   `json:"allow"`
			Code  string `json:"code"`
		} `json:"verdict"`
		Effects []struct {
			Kind   string `json:"kind"`
			Asset  string `json:"asset"`
			Amount string `json:"amount"`
			To     string `json:"to"`
			Owner  string `json:"owner"`
			Change string `json:"change"`
		} `json:"effects"`
	} `json:"items"`
}

// Review asks what signing would do.
func (h *Halves) Review(ctx context.Context, file string) (r Review, err error) {
	err = Read(&r)(h.Offline(ctx, "review", file, "--json"))
	return r, err
}

// Signed is what "sign" says.
type Signed struct {
	Signed  int  `json:"signed"`
	Refused int  `json:"refused"`
	Repeat  bool `json:"repeat"`
}

// Sign approves the digest and writes the answer.
func (h *Halves) Sign(ctx context.Context, file, out, digest string) (s Signed, err error) {
	err = Read(&s)(h.Offline(ctx, "sign", file, "--out", out, "--approve", digest, "--json"))
	return s, err
}

// Imported is what "import" says.
type Imported struct {
	Repeat      bool `json:"repeat"`
	Signed      int  `json:"signed"`
	Refused     int  `json:"refused"`
	Quarantined int  `json:"quarantined"`
}

// Import takes the answer in.
func (h *Halves) Import(ctx context.Context, file string) (i Imported, err error) {
	err = Read(&i)(h.Online(ctx, "import", file, "--json"))
	return i, err
}

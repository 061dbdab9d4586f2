package interop

import (
	"errors"
	"strings"
	"testing"
)

// Without the reference tests fail, and say what to do.
func TestNotInstalled(t *testing.T) {
	t.Setenv("COLDSIGN_CACHE", t.TempDir())
	if _, err := Start(); err == nil || !strings.Contains(err.Error(), "run scripts/interop/install.sh") {
		t.Errorf("%v", err)
	}
}

// A refusal is told from a failure, and the next question is answered.
func TestAsk(t *testing.T) {
	o := start(t)
	var refusal Refusal
	if err := o.Ask(Question{"do": "collect", "parts": []string{"ur:bytes/aeaeaeaeaeae"}}, nil); !errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
	var split struct{ Parts []string }
	if err := o.Ask(Question{"do": "split", "data": strings.Repeat("70736274ff", 900), "type": "P", "options": map[string]any{"encoding": "2", "maxVersion": 20}}, &split); err != nil || len(split.Parts) < 2 {
		t.Fatalf("%v %v", split, err)
	}
	var join struct{ Type, Encoding, Data string }
	if err := o.Ask(Question{"do": "join", "parts": split.Parts}, &join); err != nil || join.Type != "P" || join.Encoding != "2" || join.Data != strings.Repeat("70736274ff", 900) {
		t.Errorf("%.80v %v", join, err)
	}
}

package review

import (
	"testing"

	"coldsign/shared/bundle"
)

// Only one wallet that signs has change.
func TestSeveral(t *testing.T) {
	a, b := bundle.SignatureID{1}, bundle.SignatureID{2}
	for _, c := range []struct {
		refs []bundle.KeyRef
		want bool
	}{
		{[]bundle.KeyRef{{SignatureID: a, Sign: true}}, false},
		{[]bundle.KeyRef{{SignatureID: a, Sign: true}, {SignatureID: a, Sign: true}, {SignatureID: b}}, false},
		{[]bundle.KeyRef{{SignatureID: a, Sign: true}, {SignatureID: b, Sign: true}}, true},
	} {
		if got := several(c.refs); got != c.want {
			t.Errorf("%+v: %v", c.refs, got)
		}
	}
}

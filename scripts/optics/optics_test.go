package optics

import (
	"bytes"
	"testing"
)

func TestPicturesAreTheSameEachTime(t *testing.T) {
	set := Set()
	if len(set) != 960 {
		t.Fatalf("the set has %d pictures", len(set))
	}
	c := set[470]
	if a, b := c.Picture(), c.Picture(); !bytes.Equal(a.Pix, b.Pix) {
		t.Error("the same case gave two pictures")
	}
}

func BenchmarkPicture(b *testing.B) {
	set := Set()
	for i := 0; b.Loop(); i++ {
		set[(480+i*7)%960].Picture()
	}
}

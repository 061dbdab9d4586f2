package postgres

import (
	"os"
	"testing"
)

func TestServer(t *testing.T) {
	s, err := Start(Fast)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if _, err := s.Database("kept"); err != nil {
		t.Fatal(err)
	}
	s.Crash()
	if err := s.Again(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Database("kept"); err == nil {
		t.Error("a database was lost in the crash")
	}
	dir := s.dir
	s.Stop()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the data is left behind")
	}
}

package codes

import (
	"os"
	"strconv"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("TRIALS"))
	t0 := time.Now()
	Table(os.Stdout, n)
	t.Log(time.Since(t0))
}

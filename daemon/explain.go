package daemon

import (
	"context"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/explain"
)

// Explain implements control.ExplainBackend.
func (b backend) Explain(ctx context.Context, r control.ExplainRequest) (control.Explanation, error) {
	return explain.New(b.gateway).Explain(ctx, r)
}

// Matrix implements control.MatrixBackend.
func (b backend) Matrix(ctx context.Context, r control.MatrixRequest) (control.MatrixReply, error) {
	return explain.New(b.gateway).Matrix(ctx, r)
}

package control

import (
	_ "embed" // for openapi.yaml
	"net/http"
	"time"
)

// openapi describes all endpoints, in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1).
// Tests hold it to them.
//
//go:embed openapi.yaml
var openapi []byte

const openapiPath = version + "/openapi.yaml"

// openapi is the endpoint: GET /v1/openapi.yaml.
func (s *Server) openapi() endpoint {
	return endpoint{http.MethodGet, openapiPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// It does not fail on a connection of net/http's own server.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.reply))
		w.Header().Set("Content-Type", "application/yaml") // RFC 9512
		_, _ = w.Write(openapi)                            // the client may have left
	})}
}

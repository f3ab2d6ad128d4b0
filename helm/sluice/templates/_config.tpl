{{/* The `data` of the ConfigMap; empty when the image's proxy.yaml, or a ConfigMap of the user, is all there is. */}}
{{- define "sluice.configData" -}}
{{- if and .Values.existingConfigMap.name (or .Values.config .Values.overlay) -}}
{{- fail "sluice: set existingConfigMap.name, or config and overlay, but not both" -}}
{{- end -}}
{{- $files := dict -}}
{{- with .Values.config -}}
{{- $_ := set $files "proxy.yaml" (kindIs "string" . | ternary . (toYaml .)) -}}
{{- end -}}
{{- if include "sluice.keysOverlay" . -}}
{{- $_ := set $files "keys.yaml" (include "sluice.keysOverlay" .) -}}
{{- end -}}
{{- with .Values.overlay -}}
{{- $_ := set $files "overlay.yaml" (toYaml .) -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $gateway := dict "listen" "[::]:7480" -}}
{{- with .Values.gateway.allow -}}
{{- $_ := set $gateway "policies" (list (dict "policy" "ip-access" "with" (dict "allow" .))) -}}
{{- end -}}
{{- $_ := set $files "gateway.yaml" (toYaml $gateway) -}}
{{- end -}}
{{- if $files -}}
{{- toYaml $files -}}
{{- end -}}
{{- end -}}

{{/* The proxy.yaml that all else is laid over: the image's, or the one that is mounted. */}}
{{- define "sluice.baseConfig" -}}
{{- $existing := and .Values.existingConfigMap.name (has "proxy.yaml" .Values.existingConfigMap.keys) -}}
{{- if or .Values.config $existing -}}
/etc/sluice/proxy.yaml
{{- else -}}
/app/proxy.yaml
{{- end -}}
{{- end -}}

{{/*
Points the key policies of the image's proxy.yaml at the mounted Secret; a file that it lacks is a key that is missing, as
a variable would be. What a proxy.yaml of the user calls its policies is not known.
*/}}
{{- define "sluice.keysOverlay" -}}
{{- $shipped := eq (include "sluice.baseConfig" .) "/app/proxy.yaml" -}}
{{- if and $shipped .Values.keys.existingSecret (eq .Values.keys.as "files") -}}
policies:
{{- range list "openai" "anthropic" "openrouter" "gemini" "mistral" }}
  - { policy: key-injection, id: {{ . }}-key, with: { keys: [{ file: /var/run/secrets/sluice/{{ upper . }}_API_KEY }] } }
{{- end }}
{{- end -}}
{{- end -}}

{{/*
The files that are merged, later ones over earlier ones, as --config arguments. The chart's own come before the user's
overlay, so that the overlay has the last word. Takes { root, gateway }.
*/}}
{{- define "sluice.args" -}}
{{- $values := .root.Values -}}
{{- $existing := and $values.existingConfigMap.name (has "overlay.yaml" $values.existingConfigMap.keys) -}}
- --config={{ include "sluice.baseConfig" .root }}
{{- if include "sluice.keysOverlay" .root }}
- --config=/etc/sluice/keys.yaml
{{- end }}
{{- if .gateway }}
- --config=/etc/sluice/gateway.yaml
{{- end }}
{{- if or $values.overlay $existing }}
- --config=/etc/sluice/overlay.yaml
{{- end }}
{{- end -}}

{{/*
True (non-empty) when running pods take a changed configuration: nothing else brings it to them. The checksum of
`rollOnConfigChange` does not see a ConfigMap of the user.
*/}}
{{- define "sluice.watches" -}}
{{- if or (not .Values.rollOnConfigChange) .Values.existingConfigMap.name -}}true{{- end -}}
{{- end -}}

{{/* True (non-empty) when there are files to mount at /etc/sluice. */}}
{{- define "sluice.hasConfig" -}}
{{- if or .Values.existingConfigMap.name (include "sluice.configData" .) -}}true{{- end -}}
{{- end -}}

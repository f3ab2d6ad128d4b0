{{/*
The native sidecar, an item for `initContainers`: it starts before the containers of the pod, which wait for its
startup probe, and gets SIGTERM after the last of them has exited.

  initContainers:
    {{- include "sluice.container" .Subcharts.sluice | nindent 4 }}
*/}}
{{- define "sluice.container" -}}
- name: {{ .Chart.Name }}
  restartPolicy: Always
  {{- include "sluice.containerBody" (dict "root" . "gateway" false) | nindent 2 }}
{{- end -}}

{{/* The volumes of the container, items for `volumes`. */}}
{{- define "sluice.volumes" -}}
- name: sluice-tmp
  emptyDir:
    sizeLimit: 16Mi
{{- if include "sluice.hasConfig" . }}
- name: sluice-config
  projected:
    sources:
      {{- with .Values.existingConfigMap.name }}
      - configMap:
          name: {{ . | quote }}
      {{- end }}
      {{- if include "sluice.configData" . }}
      - configMap:
          name: {{ include "sluice.fullname" . }}
      {{- end }}
{{- end }}
{{- if and .Values.keys.existingSecret (eq .Values.keys.as "files") }}
- name: sluice-keys
  secret:
    secretName: {{ .Values.keys.existingSecret | quote }}
    # The files belong to root and the pod may have no fsGroup; only this container mounts them.
    defaultMode: 0444
{{- end }}
{{- end -}}

{{/* Annotations of the pod: a changed configuration makes new pods. */}}
{{- define "sluice.podAnnotations" -}}
checksum/sluice-config: {{ include "sluice.configData" . | sha256sum }}
{{- end -}}

{{/* What the sidecar and the gateway's container have in common. Takes { root, gateway }. */}}
{{- define "sluice.containerBody" -}}
{{- $values := .root.Values -}}
image: {{ include "sluice.image" .root | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  {{- include "sluice.args" . | nindent 2 }}
env:
  - name: SLUICE_ADMIN
    value: {{ printf "%s:%d" $values.admin.host (int $values.admin.port) | quote }}
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if and $values.keys.existingSecret (eq $values.keys.as "env") }}
envFrom:
  - secretRef:
      name: {{ $values.keys.existingSecret | quote }}
{{- end }}
ports:
  {{- if .gateway }}
  - name: proxy
    containerPort: 7480
  {{- end }}
  - name: sluice-admin
    containerPort: {{ int $values.admin.port }}
startupProbe:
  httpGet:
    path: /startupz
    port: sluice-admin
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /readyz
    port: sluice-admin
  periodSeconds: 5
  timeoutSeconds: 2
livenessProbe:
  httpGet:
    path: /livez
    port: sluice-admin
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
{{- if and .gateway (gt (int $values.gateway.preStopSeconds) 0) (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ int $values.gateway.preStopSeconds }}
{{- end }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
# A configuration error is then shown by `kubectl describe pod`.
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: sluice-tmp
    mountPath: /tmp
  {{- if include "sluice.hasConfig" .root }}
  - name: sluice-config
    mountPath: /etc/sluice
    readOnly: true
  {{- end }}
  {{- if and $values.keys.existingSecret (eq $values.keys.as "files") }}
  - name: sluice-keys
    mountPath: /var/run/secrets/sluice
    readOnly: true
  {{- end }}
{{- end -}}

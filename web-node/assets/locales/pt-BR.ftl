# A página em português do Brasil. Cada mensagem existe em cada língua; o compilador cuida disso.

skip-to-content = Ir para o conteúdo
you = você
close = Fechar
language = Idioma
theme-to-dark = Mudar para o tema escuro
theme-to-light = Mudar para o tema claro
reload = Recarregar

# Tempos

ago-now = agora mesmo
ago-seconds = há { $count } s
ago-minutes = há { $count } min
ago-hours = há { $count } h
duration-unknown = desconhecido
duration-seconds = { $count } s
duration-minutes = { $count } min
duration-hours = { $count } h

# Conexão

connection-starting = Iniciando
connection-connecting = Conectando
connection-waiting = Sem conexão, tentando
connection-registering = Registrando
connection-joined = Conectado
connection-refused = Recusado
connection-left = Fora da rede

# Avisos: o que houve e o que fazer

banner-relay-unreachable = O relay não responde. Sua réplica continua aqui, e o que você escrever será enviado assim que ele voltar. Verifique se o relay está rodando e se este aparelho está na rede dele.
banner-next-attempt = { $count ->
    [0] Tentando agora.
    [one] Próxima tentativa em { $count } segundo.
   *[other] Próxima tentativa em { $count } segundos.
}
banner-superseded = Outra aba ou outro aparelho com esta identidade assumiu o lugar, e esta aba foi desconectada. Feche a outra, ou continue aqui.
banner-version = Esta página e o relay falam versões diferentes do protocolo. Recarregue para obter a página do relay; se não adiantar, esvazie o cache do navegador para este endereço.
banner-network = O relay atende outra rede, não aquela a que esta réplica pertence. Abra o endereço da sua rede, ou use outro perfil do navegador para esta.
banner-refused = O relay recusou este nó e continuará recusando até que algo mude. Leia o motivo abaixo e tente de novo.
banner-left = Você saiu da rede. Nada é enviado nem recebido até você entrar de novo.
banner-build = Esta página e o worker do nó são de versões diferentes: o navegador guarda um arquivo antigo no cache. Recarregue; se não adiantar, esvazie o cache para este endereço.
banner-storage-full = O armazenamento que o navegador concede está cheio, e nada mais pode ser guardado. Libere espaço no aparelho ou nos dados de sites do navegador e recarregue.
banner-storage = O armazenamento do navegador falhou, e a réplica não pode ser guardada. Feche outras abas deste endereço e recarregue; se a janela for anônima, use uma comum.
banner-key = A chave desta aba está guardada, mas o navegador não consegue usá-la. Abra este endereço no navegador que a criou, ou apague os dados de site deste endereço para entrar como novo membro.
banner-crashed = O worker do nó falhou e está sendo reiniciado. Se isto se repetir, recarregue a página.
banner-miner = Um minerador falhou e está sendo reiniciado; o nó continua. Se este aviso ficar, recarregue a página ou use uma versão atual do navegador.
banner-worker-silent = O worker do nó não inicia. Recarregue; se não adiantar, verifique se o relay ainda está rodando e se nenhuma extensão bloqueia workers.
banner-old-storage = Este nó não vota por enquanto: o armazenamento é mais antigo que o último voto da sua chave. Ele volta a votar com a próxima decisão.
banner-damaged = O que está guardado da cadeia está danificado, e nada disso é usado. Busque-a de novo; a chave fica.
banner-invitation = Esta rede é para convidados, e este nó não tem um convite que valha. Toque no nome da rede, acima, e informe um.
banner-language = Os textos neste idioma não puderam ser carregados: o relay não responde, ou já roda outra versão. Escolha-o de novo quando o relay voltar.
start-afresh = Buscar de novo
banner-forked = O relay assinou duas histórias que se contradizem: não se pode confiar nele, e nada mais é aceito dele. Compare a impressão do log com a dos outros. Busque de novo só depois que o operador explicar.
convicted-votes = Um membro votou duas vezes na decisão { $instance }, e suas assinaturas o provam:
convicted-proposals = Um líder propôs dois blocos diferentes para a decisão { $instance }, e suas assinaturas o provam:
convicted-blocks = Um detentor de participação assinou dois blocos para o mesmo slot, e suas assinaturas o provam:
convicted-log = O relay assinou dois logs que se contradizem, e suas assinaturas o provam:
reconnect = Conectar de novo
connect-now = Tentar agora

# Compartilhar

share = Compartilhar
share-title = Traga mais gente
share-reachable = Qualquer pessoa nesta rede pode abrir este endereço ou ler o código.
share-link = Link
share-qr = Código QR do link
share-asking = Perguntando ao relay o endereço dele…
share-loopback = Só este computador alcança o relay: ele escuta apenas no endereço de loopback. Outras abas e perfis neste computador podem abrir:
share-bind = Para que outros aparelhos entrem, pare o relay e inicie-o com:

# Estado

status = Estado
own = Seu nó
balance = saldo { $amount }
leader = Líder
leader-term = mandato { $term }
leader-none = ninguém lidera ainda
leads = líder
height = Altura
synced = em dia
syncing = { $height } de { $best }
syncing-label = Blocos recebidos
final = Final
final-by = final por { $signers } de { $of }
final-none = nada decidido ainda
forced-changes = { $count ->
    [one] { $count } troca forçada
   *[other] { $count } trocas forçadas
}
forced-changes-why = Quantas vezes o relay substituiu os votantes porque mais de um terço deles sumiu. A finalidade passa então a depender de um relay honesto.
log = Registro de decisões
log-length = { $count ->
    [one] { $count } entrada
   *[other] { $count } entradas
}
log-why = Compare esta impressão digital com a dos outros: ela difere se o relay contou decisões diferentes a vocês.

# Mineração

mining = Mineração
mine-once = Minerar um bloco
mine-start = Minerar sem parar
mine-stop = Parar
mining-off = parada
mining-on = procurando
mining-paused-syncing = em pausa: a cadeia ainda está sendo recebida
mining-paused-undecided = em pausa: blocos demais esperam uma decisão
mining-paused-no-network = em pausa: nenhuma rede é conhecida ainda
mining-paused-no-stake = em pausa: nenhuma participação desta chave conta ainda
mining-paused-no-relay = em pausa: o relay não responde
producing = Produção
produce-once = Produzir um bloco
produce-start = Produzir sempre
producing-on = esperando um sorteio
stake-absent = Ninguém que tem participação está aqui, e nenhum bloco pode surgir. Um dos donos abaixo precisa abrir esta rede; peça-lhe então uma parte.
stake-none = Esta chave não tem participação que conte, e nunca é sorteada. Peça uma parte a um dos donos abaixo: ela conta uma a duas épocas depois.
stake-soon = { $amount } de participação contam para esta chave a partir da próxima época.
stake-next = Em { $count } s:
stake-epoch = A próxima época começa em { $count } s.
stake-more = e mais { $count }
hand-stake = Passar { $amount } de participação
hash-rate = Taxa
expected-time = Previsão
expected-hashes = { $count } hashes
expected-time-why = O tempo médio até você achar um bloco sem ajuda. Cada tentativa é um novo sorteio.
found = Achados
mining-settings = Workers e carga
mining-settings-why = Cada worker ocupa um núcleo do processador durante a parte escolhida do tempo.
miner-workers = { $count ->
    [one] { $count } worker
   *[other] { $count } workers
}
miner-duty = { $percent } % do tempo

# Escrever

write = Escrever um registro
key = Chave
value = Valor
expect = Somente se
expect-anything = em qualquer caso
expect-absent = a chave for nova
expect-unchanged = a chave não mudou desde que a vi
expect-unchanged-seen = Só tem efeito enquanto o valor ainda for “{ $value }”, como escrito no bloco { $height }.
expect-unchanged-none = Esta chave nunca foi escrita: escolha “a chave for nova”.
submit = Assinar e enviar
byte-count = { $bytes } de { $max } bytes
submission-pending = pendente
submission-mined = no bloco { $height }
transfer = Transferir saldo
transfer-to = Para: o número de um membro ou uma chave
transfer-amount = Quanto de { $amount }
transfer-sent = Enviado. Fica entre os pendentes até um bloco o incluir.
error-recipient = Informe o número de um membro presente, como #2, ou uma chave inteira.
error-amount = Informe um número inteiro acima de zero.
error-empty-key = Digite uma chave.
error-too-long = Cabem no máximo { $max } bytes aqui, e este texto tem { $bytes }: encurte-o.
error-nul = O caractere U+0000 não pode ser guardado: remova-o.
error-signature = A assinatura que este navegador fez não vale. Recarregue a página e tente de novo.
error-invalid = Este programa fez uma transação que a rede dele recusa. Recarregue a página para obter um programa mais novo.
error-mempool-full = Há transações pendentes demais. Espere o próximo bloco e tente de novo.
error-no-network = Nenhuma rede é conhecida ainda. Espere até que este nó tenha alcançado um relay uma vez.
error-not-connected = Não há conexão com o relay. Tente de novo quando ela voltar.
error-nothing-final = Nenhum bloco é final ainda. Minere um e espere até que os membros o decidam.
error-no-leader = Ninguém lidera no momento. Tente de novo em alguns segundos.
error-no-block = Não há bloco na altura { $height }.
no-receipt-not-mined = Nenhum bloco tem esta transação. Espere até que ela seja minerada.
no-receipt-not-final = O bloco { $height } ainda não é final, os blocos até { $final } são. Espere até que os membros o decidam.
no-receipt-fetching = Os blocos até { $height } são finais e ainda estão sendo buscados. Tente de novo daqui a pouco.
no-receipt-damaged = O bloco guardado está danificado. Repare-o primeiro.
no-receipt-too-long = A prova deste registro seria mais longa do que um recibo pode ser.
error-file-kind = O arquivo foi recusado: não é o que se pede aqui.
error-file-version = O arquivo foi recusado: é de outra versão. Use um programa mais novo.
error-file-network = O arquivo foi recusado: é de outra rede.
error-file-truncated = O arquivo foi recusado: falta o fim.
error-file-invalid = O arquivo foi recusado: foi alterado, ou não prova o que diz. Nas palavras do nó: “{ $reason }”.
error-storage = O armazenamento do navegador falhou: { $reason }

# Consulta

lookup = Consultar uma chave
lookup-submit = Consultar
lookup-this = Consultar esta chave
lookup-none = “{ $key }” nunca foi escrita.
error-lookup-key = Nenhuma chave é tão longa: no máximo 256 bytes.
written-by = Escrita por
in-block = no bloco { $height }
history = Histórico
block = Bloco
writer = Por

# Mempool

mempool = Pendentes
mempool-empty = Nenhuma transação espera por um bloco.
list-range = { $first } a { $last } de { $count }
previous-page = Voltar
next-page = Avançar
acknowledged = guardada
acknowledged-why = O relay a guardou de forma durável.
unacknowledged = a caminho
unacknowledged-why = O relay ainda não a confirmou. Ela está guardada aqui e é reenviada até que ele confirme.
transfer-of = transfere { $amount }
condition-absent = se for nova
condition-unchanged = se não mudou
outcome-applied = aplicada
outcome-expect-failed = condição não cumprida
outcome-balance-too-small = saldo insuficiente
outcome-quota-exceeded = cota esgotada

# Blocos

blocks = Blocos
blocks-none = Ainda não há blocos aqui.
blocks-range = { $top } a { $bottom }
goto = Ir
goto-height = Ir ao bloco desta altura
goto-placeholder = Altura
newer = Mais novos
older = Mais antigos
latest = Últimos
genesis = Gênese: decorre dos parâmetros da rede
previous-why = O hash do bloco anterior: é o que os encadeia
previous-goto = Mostrar o bloco anterior
badge-final = final
badge-undecided = ainda não final
badge-damaged = danificado
transactions = { $count ->
    [0] vazio
    [one] { $count } registro
   *[other] { $count } registros
}
field-hash = Hash
field-previous = Anterior
field-tx-root = Raiz de Merkle
field-tx-root-why = Raiz da árvore sobre as transações do bloco (RFC 6962)
root-mismatch = As transações guardadas aqui levam a outra raiz:
field-state-root = Raiz do estado
field-state-root-why = Raiz da árvore sobre todas as chaves e contas depois deste bloco
field-time = Hora
field-producer = Produtor
field-difficulty = Dificuldade
difficulty-one-in = cerca de { $count } hashes por bloco
field-nonce = Nonce
block-without-transactions = Este bloco não tem transações.
tamper = Adulterar este bloco
tamper-why = Para demonstrações: edita a cópia guardada nesta aba. Uma verificação de consistência descobre.

# Membros

members = Membros
members-none = Ainda não há ninguém aqui.
member-height = em { $height }
presence-synced = em dia
presence-hidden = aba em segundo plano
presence-syncing = atualizando
leave = Sair da rede

# Consistência

consistency = Consistência
consistency-why = Compara o que cada membro guardou com o que foi decidido.
check = Verificar consistência
check-none = Ainda não verificada.
check-agree = { $count ->
    [one] O único membro concorda até o bloco { $height }.
   *[other] Todos os { $count } membros concordam até o bloco { $height }.
}
check-agree-so-far = { $count ->
    [one] { $count } membro concorda até o bloco { $height }.
   *[other] { $count } membros concordam até o bloco { $height }.
}
check-differ = { $count ->
    [one] { $count } réplica difere, na comparação até o bloco { $height }.
   *[other] { $count } réplicas diferem, na comparação até o bloco { $height }.
}
check-differs = { $member } difere a partir do bloco { $height }.
check-differs-self = { $member } (você) difere a partir do bloco { $height }.
check-silent = Sem resposta de { $members }.
damaged = { $count ->
    [one] Sua cópia do bloco { $heights } está danificada.
   *[other] Suas cópias dos blocos { $heights } estão danificadas.
}
repair = Reparar

# Recibos e cópias

records = Recibos e cópias
records-why = Um recibo mostra a qualquer um, sem relay, que um registro é final. Uma cópia da cadeia pode ser verificada e incorporada em outro lugar.
records-working = Lendo o arquivo
receipt = Recibo
receipt-why = Baixar a prova de que este registro é final
receipt-verify = Verificar um recibo
receipt-proves = Prova que o registro está no bloco { $height } desta rede.
receipt-foreign = Vale, mas em outra rede: “{ $name }”. Qualquer um pode dar esse nome a uma rede; compare o id com o da rede em que você confia.
receipt-transaction = Registro
receipt-final-by = por { $signers } de { $of }, na decisão do bloco { $height }
receipt-limits = Prova que o registro está lá, e sua ordem. A hora é a que o produtor do bloco informou.
network-id = Rede
chain-export = Exportar a cadeia
chain-exported = A cadeia foi gravada num arquivo de { $bytes } bytes.
chain-import = Importar uma cadeia
chain-imported = A cadeia de “{ $name }” foi verificada e está nesta réplica.
chain-transactions = Registros
key-backup = Copiar a chave
key-backup-why = O navegador guarda a chave desta aba de modo que ninguém a leia: não dá para copiá-la. Uma chave nova pode ser copiada ao ser criada. O número e o saldo ficam com a chave atual, e o que ainda espera para ser enviado é abandonado. Numa rede por convite, a outra chave precisa de um convite próprio.
key-passphrase = Frase secreta
key-passphrase-short = Use uma frase de pelo menos { $count } caracteres: só ela protege o arquivo.
key-make = Nova chave com cópia
key-file = Cópia
key-restore = Restaurar a chave
key-working = O navegador está criando…
key-changed = A chave está pronta. Recarregue a página para começar com ela.
key-no-file = Escolha o arquivo de uma chave: este não é.
key-wrong-passphrase = A frase secreta está errada, ou o arquivo foi alterado.
key-unsupported = Este navegador não consegue aqui: é preciso Ed25519 no WebCrypto, armazenamento e uma página aberta por https ou em localhost.
error-browser = O navegador não fez a parte dele: { $reason }
error-lost = O worker do nó falhou antes de terminar. Tente de novo.

# Redes e sua administração

networks = Redes deste relay
network-own = esta aba
network-open = Abrir
network-kind = Os blocos são selados por
network-work = prova de trabalho
network-kind-why = Por trabalho: quem calcula mais. Por participação: quem tem saldo, sorteado por ele; no início esta aba tem tudo.
network-stake = prova de participação
network-invite-only = por convite
network-join-by = Link ou convite
network-join = Entrar
network-no-invitation = Isto não é um link nem um convite: um convite é como tabinvite1…
network-new = Criar uma rede
network-name = Nome
network-spacing = Segundos entre blocos
network-hashes = Hashes do primeiro bloco, como potência de dois
network-reward = Recompensa de um bloco
network-default = como a do próprio relay
network-invited = Só por convite
network-token = Token do operador
network-token-why = só onde o relay o pede
network-make = Criar
network-made = “{ $name }” foi criada.
network-administrator = Token do administrador: guarde-o, só aparece esta vez
administrator-token = Token do administrador ou do operador
administer = Administrar esta rede
invite-uses = Quantos podem entrar com ele
invite = Fazer um convite
invitation = Convite: quem tiver este link pode entrar
dumps = Cópias para PostgreSQL
dumps-none = O operador do relay não indicou nenhum banco de dados: --dump-target indica.
dump-start = Iniciar
dump-stop = Parar
dump-status = { $state }: bloco { $height }, { $lag } atrás, { $rate } linhas por segundo
dump-error = O último erro foi deste tipo: { $reason }. O log do relay tem o texto.
network-remove = Remover esta rede
network-remove-why = O relay deixa de atendê-la: os membros são dispensados, e o nome fica livre. O que eles guardaram fica com eles.
error-relay = O relay recusou: { $reason }

# Recusas e ambiente

rejections = { $count ->
    [0] Nada foi recusado
    [one] { $count } item foi recusado
   *[other] { $count } itens foram recusados
}
environment-persistent = A réplica fica guardada neste navegador em definitivo.
environment-evictable = A réplica fica guardada neste navegador, que pode descartá-la se faltar espaço.
environment-quota = { $used } de { $allowed } MiB em uso.
environment-memory = A réplica está só na memória e se perde com esta aba, pois o navegador recusou o armazenamento: { $reason }.
environment-insecure = Aberta por http simples: aqui o navegador nega algumas proteções.
environment-key = A chave é guardada por esta página, não pelo navegador.
environment-leases = As abas se distinguem por concessões em vez de travas.
environment-scalar = Este navegador não tem SIMD em wasm: a mineração é mais lenta.
environment-slot = Este é o nó { $number } deste navegador.

# Navegação

navigation = Partes da página
nav-mine = Minerar
nav-write = Escrever
nav-blocks = Blocos
nav-members = Membros
nav-check = Verificar
